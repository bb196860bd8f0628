"""What the back office said stays until a person sends the trade on; the checks close only their own."""

from __future__ import annotations

import pytest

from core.audit import Actor
from risk.services.check import check_captured
from tests.settlement.support import client, seal, state, validated
from tests.settlement.test_acknowledge import acknowledge, claim
from tests.support.factories import equity, findings_of, world
from tests.support.records import NOW
from trades.models import ExceptionItem
from trades.services.recheck import recheck_trades

pytestmark = pytest.mark.django_db
DESK = Actor("user:desk", "req-rejected")


def open_kinds(trade_id: int) -> list[str]:
    items = ExceptionItem.objects.filter(trade_id=trade_id, closed_at=None).order_by("kind")
    return list(items.values_list("kind", flat=True))


@pytest.fixture
def rejected():
    """Return a trade whose securities were rejected while its cash is not answered yet, and the office."""
    world()
    (trade_id,) = validated(equity())
    seal()
    office = client()
    for channel in ("CASH", "SECURITIES"):
        claim(channel, office)
    acknowledge("SECURITIES", office, rejected={equity()["instrument"]: "NO_MATCH"})
    return trade_id, office


def recheck(trade_id: int) -> None:
    recheck_trades(trade_ids=[trade_id], reason="sent again", actor=DESK, now=NOW)


def test_a_person_who_sends_a_rejected_trade_on_closes_the_rejection(rejected):
    trade_id, _ = rejected
    assert open_kinds(trade_id) == ["REJECTION"]
    recheck(trade_id)
    assert open_kinds(trade_id) == []
    assert [each["closing"] for each in findings_of(trade_id, also_closed=True)] == ["CLEARED"]


def test_a_rejection_that_comes_while_the_checks_wait_is_not_closed_by_them(rejected):
    trade_id, office = rejected
    recheck(trade_id)
    acknowledge("CASH", office, rejected={"USD": "AC04"})
    assert check_captured(now=NOW) == 1
    assert state(trade_id) == "VALIDATED"
    assert open_kinds(trade_id) == ["REJECTION"]
    still_open = [each["code"] for each in findings_of(trade_id)]
    assert still_open == ["SETTLEMENT_REJECTED"]
