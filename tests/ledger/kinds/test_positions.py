"""POSITIONS: what the custodian holds for us against what the ledger says has settled, or was dealt in, there."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
import time_machine

from core import sql
from tests.ledger.reconciling import break_ids, defined, figures, items, open_breaks, run
from tests.ledger.settling import SECURITY_ACCOUNT, handed_off, settled
from tests.ledger.statements import listed, send
from tests.ledger.support import ACTOR, post
from tests.ledger.test_actions import act, terms
from tests.settlement.support import VALUE_DATE, BackOffice, ref
from tests.support.factories import (
    APPLE,
    EURO_SHARE,
    WAY_TO_SETTLED,
    captured_ids,
    checked,
    equity,
    goods,
    settle,
    world,
)
from tests.support.records import NOW, TODAY
from trades.lifecycle import move_trades

pytestmark = pytest.mark.django_db
_NOW = NOW.replace(day=25)


def hold(quantity: str, *, days: int = 0, instrument: str = APPLE, day: date = VALUE_DATE) -> None:
    lines = [{"account": SECURITY_ACCOUNT, "instrument": instrument, "quantity": quantity}]
    sent = listed("POSITIONS", lines, source="CUSTODIAN", day=day + timedelta(days=days))
    send(sent, now=_NOW + timedelta(days=days))


@pytest.fixture
def custody() -> None:
    """Buy 100 shares that have settled, and reconcile with the custodian."""
    settled(handed_off("SECURITIES"))
    defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN")


def test_what_has_settled_is_there(custody: None):
    hold("100")
    assert figures(run("CUSTODY", now=_NOW)) == {"matched_ours": 1, "matched_theirs": 1}


def test_a_position_that_differs_stays_the_same_break_from_day_to_day(custody: None):
    hold("90")
    run("CUSTODY", now=_NOW)
    hold("95", days=1)
    assert figures(run("CUSTODY", now=_NOW))["changed"] == 1
    assert [(outcome, fields) for _, outcome, fields in open_breaks()] == [("DIFFERENT", ["quantity"])]
    assert len(break_ids()) == 1
    ((_, money, _),) = items()
    assert f"{money:.2f}" == "860.20"  # 5 at 187 dollars of 0.92 euro


def test_what_has_not_settled_is_not_ours_to_find_there():
    handed_off("SECURITIES")
    defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN")
    hold("100")
    run("CUSTODY", now=_NOW)
    assert [outcome for _, outcome, _ in open_breaks()] == ["THEIRS"]


def matched() -> dict[str, int]:
    return {"matched_ours": 1, "matched_theirs": 1}


def test_what_the_ledger_holds_as_settled_lies_where_our_instruction_has_it_settle():
    world()
    settle([checked(equity())])
    post()
    defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN")
    hold("100")
    assert figures(run("CUSTODY", now=_NOW)) == matched()


def test_what_has_settled_counts_once_before_and_after_the_ledger_enters_it(custody: None):
    hold("100")
    trade_ids = [trade_id for (trade_id,) in sql.rows("SELECT trade_id FROM trades_state")]
    for source, target in itertools.pairwise(WAY_TO_SETTLED[1:]):
        move_trades(trade_ids=trade_ids, source=source, target=target, at=NOW, actor=ACTOR)
        assert figures(run("CUSTODY", now=_NOW)) == matched(), target
    post()
    assert figures(run("CUSTODY", now=_NOW)) == matched()
    assert sql.rows("SELECT settled FROM ledger_position WHERE instrument_id <> 0") == [(100,)]


def test_what_has_settled_in_part_is_there_in_part():
    (instruction,) = handed_off("SECURITIES")
    with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
        report = {"instruction": ref(instruction), "status": "PARTIAL", "quantity": "40"}
        assert BackOffice("custodian").report(report).status_code == 207
    defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN")
    hold("40")
    assert figures(run("CUSTODY", now=_NOW)) == matched()


def test_what_was_dealt_in_counts_where_the_reconciliation_says_so():
    world()
    captured_ids(equity(), goods(side="BUY"))
    post()
    defined("BROKER", kind="POSITIONS", source="CUSTODIAN", basis="TRADED")
    hold("100", day=TODAY)
    assert figures(run("BROKER", now=_NOW)) == matched()
    hold("100", day=TODAY - timedelta(days=1))
    assert figures(run("BROKER", through=TODAY - timedelta(days=1), now=_NOW)) == {"unmatched_theirs": 1}


def test_what_a_split_makes_of_a_position_is_there():
    world()
    settle([checked(equity(instrument=EURO_SHARE, currency="EUR"))])
    post()
    act("CA-1", terms("SPLF", ex=1, new="2", old="1"), at=_NOW)
    defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN")
    hold("200", instrument=EURO_SHARE)
    assert figures(run("CUSTODY", now=_NOW)) == matched()
