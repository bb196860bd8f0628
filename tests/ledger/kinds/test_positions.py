"""POSITIONS: what the custodian holds for us against what has settled there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.ledger.reconciling import break_ids, defined, figures, items, open_breaks, run
from tests.ledger.settling import SECURITY_ACCOUNT, handed_off, settled
from tests.ledger.statements import listed, send
from tests.settlement.support import VALUE_DATE
from tests.support.factories import APPLE
from tests.support.records import NOW

pytestmark = pytest.mark.django_db
_NOW = NOW.replace(day=25)


def hold(quantity: str, *, days: int = 0) -> None:
    lines = [{"account": SECURITY_ACCOUNT, "instrument": APPLE, "quantity": quantity}]
    day = VALUE_DATE + timedelta(days=days)
    send(listed("POSITIONS", lines, source="CUSTODIAN", day=day), now=_NOW + timedelta(days=days))


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
