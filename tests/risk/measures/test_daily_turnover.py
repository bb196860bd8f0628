"""DAILY_TURNOVER: what is dealt on a day, settled or not; only a cancellation gives it back."""

import pytest

from core.audit import system
from tests.support.factories import checked, limit, settle, unit_trade, used, world
from tests.support.records import NOW
from trades.lifecycle import State, move_trades

pytestmark = pytest.mark.django_db


def test_what_has_settled_still_counts_and_what_was_cancelled_does_not():
    world()
    limit("L", hard="1000", measure="DAILY_TURNOVER", dimensions=("trader",))
    first, second = checked(unit_trade(0)), checked(unit_trade(1, side="SELL"))
    checked(unit_trade(2, trade_date="2026-11-20"))
    settle([first])
    assert used("L") == {"jdoe|2026-11-20": 100, "jdoe|2026-11-23": 200}
    move_trades(
        trade_ids=[second], source=State.VALIDATED, target=State.CANCELLED, at=NOW, actor=system("tests")
    )
    assert used("L") == {"jdoe|2026-11-20": 100, "jdoe|2026-11-23": 100}
