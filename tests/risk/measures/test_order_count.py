"""ORDER_COUNT: how many deals arrive in one minute, whatever their size."""

from datetime import UTC, datetime, timedelta

import pytest

from core import sql
from risk.services.recompute import recompute_limits
from tests.support.factories import captured_ids, check_everything, codes_of, limit, unit_trade, used, world
from tests.support.records import CLERK, NOW
from trades.services.change import Change, change_trades

pytestmark = pytest.mark.django_db


def test_the_third_order_of_a_minute_is_held_and_the_first_of_the_next_is_not():
    world()
    limit("L", hard="2", measure="ORDER_COUNT", dimensions=("source",))
    at = datetime(2026, 11, 23, 9, 30, 59, tzinfo=UTC)
    ids = captured_ids(*[unit_trade(n) for n in range(3)], at=at)
    ids += captured_ids(unit_trade(3), at=at.replace(minute=31, second=0))
    check_everything(now=NOW)
    assert [codes_of(each) for each in ids] == [[], [], ["LIMIT_BREACH"], []]
    assert used("L") == {"FO-EQ|2026-11-23 09:30:00": 3, "FO-EQ|2026-11-23 09:31:00": 1}


def _divide(block: int, parts: int, at: datetime) -> None:
    items = [{"quantity": "1", "book": "BOOK-1"} for _ in range(parts)]
    change = Change("ALLOCATE", block, "as agreed", items=items)
    (changed,) = change_trades(changes=[change], actor=CLERK, at=at)
    assert changed.problem is None
    check_everything(now=at)


def test_a_block_is_one_order_of_its_minute_however_it_is_divided():
    world()
    limit("L", hard="2", measure="ORDER_COUNT", dimensions=("source",))
    (block,) = captured_ids(unit_trade(3), at=NOW)
    check_everything(now=NOW)
    before = used("L")
    assert before == {"FO-EQ|2026-11-23 14:00:00": 1}
    for minutes, parts in ((1, 4), (2, 4)):
        at = NOW + timedelta(minutes=minutes)
        _divide(block, parts, at)
        assert used("L") == before
        assert recompute_limits(now=at, actor=CLERK, correct=False) == []
    assert not sql.rows("SELECT 1 FROM trades_finding WHERE code = 'LIMIT_BREACH'")
    cancel = Change("CANCEL", block, "off")
    change_trades(changes=[cancel], actor=CLERK, at=at)
    assert set(used("L").values()) == {0}
