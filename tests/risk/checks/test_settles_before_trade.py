"""SETTLES_BEFORE_TRADE holds a trade that would settle before it was made."""

import pytest

from tests.support.factories import equity, told_of, world

pytestmark = pytest.mark.django_db


def test_a_settlement_date_before_the_trade_date_is_found():
    world()
    assert told_of(equity(settlement_date="2026-11-20")) == {
        "SETTLES_BEFORE_TRADE": (
            "BLOCK", "settlement_date", "on or after 2026-11-23", "2026-11-20",
            "The settlement date 2026-11-20 lies before the trade date.",
        )
    }  # fmt: skip


def test_the_trade_date_itself_passes():
    world()
    assert told_of(equity(settlement_date="2026-11-23")) == {}
