"""TRADE_DATE_TOO_OLD warns of a deal that is reported late, and lets it go on."""

from datetime import date

import pytest

from tests.support.factories import checked, equity, findings_of, told_of, world
from tests.support.records import state_of
from trades.lifecycle import State

pytestmark = pytest.mark.django_db


def test_31_days_ago_is_told_and_does_not_hold():
    world()
    trade_id = checked(equity(on=date(2026, 10, 23)))
    assert findings_of(trade_id) == [
        {
            "version": 1, "code": "TRADE_DATE_TOO_OLD", "severity": "WARN", "subject": "trade_date",
            "message": "The trade date 2026-10-23 is not within 30 days of today.", "expected": "within 30 days",
            "actual": "2026-10-23", "closing": "",
        }
    ]  # fmt: skip
    assert state_of(trade_id) == (State.VALIDATED, 1)


def test_30_days_ago_passes():
    world()
    assert told_of(equity(on=date(2026, 10, 24))) == {}
