"""What the back office said stays until a person sends the trade on; the checks close only their own."""

from __future__ import annotations

import pytest

from core.audit import Actor
from core.http.authentication import Client
from risk.services.check import check_captured
from settlement.services.report import Report, report_status
from tests.settlement.support import batch_of, client, instruction_ids, seal, state, validated
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


def test_a_rejection_that_comes_while_the_checks_wait_holds_the_trade_all_the_same(rejected):
    trade_id, office = rejected
    recheck(trade_id)
    acknowledge("CASH", office, rejected={"USD": "AC04"})
    assert check_captured(now=NOW) == 1
    assert state(trade_id) == "EXCEPTION"
    assert open_kinds(trade_id) == ["REJECTION"]
    still_open = [each["code"] for each in findings_of(trade_id)]
    assert still_open == ["SETTLEMENT_REJECTED"]
    assert seal() == []

    recheck(trade_id)
    assert check_captured(now=NOW) == 1
    assert (state(trade_id), open_kinds(trade_id)) == ("VALIDATED", [])


def fail(channel: str, office: Client) -> None:
    (instruction_id,) = instruction_ids(batch_of(channel))
    report_status(reports=[Report(instruction_id, "FAILED", "LACK")], actor=office.actor(), now=NOW)


def test_the_checks_close_no_fail_of_another_leg(rejected):
    trade_id, office = rejected
    fail("CASH", office)
    recheck(trade_id)
    assert check_captured(now=NOW) == 1
    assert (state(trade_id), open_kinds(trade_id)) == ("VALIDATED", ["FAIL"])


def test_what_is_rejected_does_not_fail_any_more(rejected):
    trade_id, office = rejected
    fail("CASH", office)
    assert open_kinds(trade_id) == ["FAIL", "REJECTION"]
    acknowledge("CASH", office, rejected={"USD": "AC04"})
    assert open_kinds(trade_id) == ["REJECTION"]
