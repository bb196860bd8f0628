"""STOPPED holds every deal that a stop in force concerns, and no other."""

import pytest

from refdata.models import Party
from risk.models import Stop
from tests.support.factories import EURO_SHARE, told_of, unit_trade, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db
BY_ITS_PLACE = [
    ("PARTY", "BROKER-01"), ("TRADER", "jdoe"), ("BOOK", "BOOK-1"), ("INSTRUMENT", EURO_SHARE), ("SOURCE", "FO-EQ"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "key"), BY_ITS_PLACE)
def test_a_deal_of_what_is_stopped_is_held(kind, key):
    world()
    Stop.objects.create(kind=kind, key=key, reason="a runaway system", made_by="user:rita", made_at=NOW)
    subject = f"{kind.lower()} {key}"
    assert told_of(unit_trade(0))["STOPPED"] == (
        "BLOCK", subject, "", "a runaway system", f"The {subject} is stopped (a runaway system).",
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "key"), BY_ITS_PLACE)
def test_a_deal_of_another_or_under_a_lifted_stop_passes(kind, key):
    world()
    Stop.objects.create(kind=kind, key=f"{key}-2", reason="x", made_by="user:rita", made_at=NOW)
    Stop.objects.create(kind=kind, key=key, reason="x", made_by="user:rita", made_at=NOW, lifted_at=NOW)
    assert told_of(unit_trade(0)) == {}


def test_a_party_is_stopped_by_its_code_however_the_deal_calls_it():
    world()
    lei = Party.objects.get(code="BROKER-01").lei
    Stop.objects.create(kind="PARTY", key="BROKER-01", reason="x", made_by="user:rita", made_at=NOW)
    assert "STOPPED" in told_of(unit_trade(0, counterparty=lei))
