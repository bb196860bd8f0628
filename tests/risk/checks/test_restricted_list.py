"""RESTRICTED_LIST holds a deal with whom, or in what, a restricted list names."""

from datetime import date

import pytest

from refdata.models import WatchEntry
from tests.support.factories import (
    APPLE,
    SINCE,
    captured_ids,
    check_everything,
    codes_of,
    equity,
    fx,
    told_of,
    world,
)

pytestmark = pytest.mark.django_db


def _entry(subject: str, key: str, *, name: str = "EU-SANCTIONS", **fields) -> None:
    given = {"measure": "RESTRICTED", "valid_from": SINCE, **fields}
    WatchEntry.objects.create(list=name, subject=subject, key=key, **given)


@pytest.mark.parametrize(
    ("subject", "key"),
    [("PARTY", "BROKER-01"), ("PARTY", "529900T8BM49AURSDO55"), ("COUNTRY", "US"), ("INSTRUMENT", APPLE)],
)
def test_a_party_an_instrument_and_a_country_are_found(subject, key):
    world()
    _entry(subject, key)
    what = f"{subject.lower()} {key}"
    message = f"The {what} is restricted by EU-SANCTIONS."
    assert told_of(equity()) == {"RESTRICTED_LIST": ("BLOCK", what, "not listed", "EU-SANCTIONS", message)}


def test_two_lists_that_name_the_same_are_told_together():
    world()
    _entry("PARTY", "BROKER-01")
    _entry("PARTY", "BROKER-01", name="DESK")
    assert told_of(equity())["RESTRICTED_LIST"][3] == "DESK, EU-SANCTIONS"


@pytest.mark.parametrize(
    ("subject", "key"),
    [("PARTY", "US"), ("COUNTRY", "BROKER-01"), ("INSTRUMENT", "BROKER-01"), ("PARTY", "OTHER")],
)
def test_what_a_key_names_depends_on_its_subject(subject, key):
    world()
    _entry(subject, key)
    assert told_of(equity()) == {}


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (date(2026, 11, 23), date(2026, 11, 23), True),
        (date(2026, 11, 24), None, False),
        (date(2026, 1, 1), date(2026, 11, 22), False),
    ],
)
def test_an_entry_holds_on_its_days(first, last, found):
    world()
    _entry("PARTY", "BROKER-01", valid_from=first, valid_to=last)
    assert (told_of(equity()) != {}) is found


def test_only_those_who_are_named_are_found_in_a_crowd():
    world()
    _entry("INSTRUMENT", APPLE)
    named, other = captured_ids(equity(), fx())
    check_everything()
    assert (codes_of(named), codes_of(other)) == (["RESTRICTED_LIST"], [])
