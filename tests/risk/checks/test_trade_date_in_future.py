"""TRADE_DATE_IN_FUTURE holds a trade whose date has not come yet."""

from datetime import UTC, date, datetime

import pytest

from tests.support.factories import equity, told_of, world

pytestmark = pytest.mark.django_db


def test_two_days_ahead_is_found():
    world()
    assert told_of(equity(on=date(2026, 11, 25))) == {
        "TRADE_DATE_IN_FUTURE": (
            "BLOCK", "trade_date", "on or before 2026-11-23", "2026-11-25",
            "The trade date 2026-11-25 lies in the future.",
        )
    }  # fmt: skip


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 11, 24)])
def test_today_and_one_day_ahead_pass(day):
    world()
    assert told_of(equity(on=day)) == {}


def test_today_is_the_day_of_the_business_zone():
    world()
    late = datetime(2026, 6, 22, 23, 30, tzinfo=UTC)  # already the 23rd in London
    assert "TRADE_DATE_IN_FUTURE" not in told_of(equity(on=date(2026, 6, 24)), now=late)
    assert "TRADE_DATE_IN_FUTURE" in told_of(equity(on=date(2026, 6, 25)), now=late)
