"""ORDER_COUNT: how many deals arrive in one minute, whatever their size."""

from datetime import UTC, datetime

import pytest

from tests.support.factories import captured_ids, check_everything, codes_of, limit, unit_trade, used, world
from tests.support.records import NOW

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
