"""BACKDATED points out a trade date before the day on which the deal was done."""

from datetime import date

import pytest

from tests.support.factories import equity, told_of, world

pytestmark = pytest.mark.django_db


def test_a_trade_date_before_the_execution_is_found():
    world()
    told = told_of(equity(on=date(2026, 11, 20), executed_at="2026-11-23T08:00:00Z"))
    assert told["BACKDATED"] == (
        "WARN", "trade_date", "2026-11-23", "2026-11-20",
        "The trade date 2026-11-20 lies before 2026-11-23, when the deal was done.",
    )  # fmt: skip


@pytest.mark.parametrize("on", [date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)])
def test_a_day_apart_is_a_matter_of_zones(on):
    world()
    assert "BACKDATED" not in told_of(equity(on=on, executed_at="2026-11-23T08:00:00Z"))


def test_a_deal_without_a_moment_of_execution_passes():
    world()
    assert "BACKDATED" not in told_of(equity(on=date(2026, 11, 2)))
