"""WATCH_LIST points out a deal with whom, or in what, a watch list names, and holds nothing."""

import pytest

from refdata.models import WatchEntry
from tests.support.factories import APPLE, SINCE, checked, equity, told_of, world
from tests.support.records import state_of
from trades.lifecycle import State

pytestmark = pytest.mark.django_db


def _entry(key: str) -> None:
    WatchEntry.objects.create(
        list="RESEARCH", subject="INSTRUMENT", key=key, measure="WATCHED", valid_from=SINCE, note="Thursday"
    )


def test_a_watched_instrument_is_pointed_out():
    world()
    _entry(APPLE)
    what, message = f"instrument {APPLE}", f"The instrument {APPLE} is watched by RESEARCH."
    assert told_of(equity()) == {"WATCH_LIST": ("WARN", what, "not listed", "RESEARCH", message)}


def test_the_deal_goes_on():
    world()
    _entry(APPLE)
    assert state_of(checked(equity())) == (State.VALIDATED, 1)


def test_another_instrument_is_not():
    world()
    _entry("DE0007164600")
    assert told_of(equity()) == {}
