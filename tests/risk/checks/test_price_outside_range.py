"""PRICE_OUTSIDE_RANGE holds a deal at a price that was not dealt on the day."""

from datetime import date
from decimal import Decimal

import pytest

from refdata.models import ClosePrice, Instrument
from tests.support.factories import APPLE, equity, told_of, world

pytestmark = pytest.mark.django_db


def _range(low: str | None = "186.00", high: str | None = "188.00", **changes) -> None:
    ends = {"low": low and Decimal(low), "high": high and Decimal(high)}
    ClosePrice.objects.filter(instrument__code=APPLE).update(**ends, **changes)


def test_a_price_above_the_days_highest_is_found():
    world()
    _range()
    message = "The price 190 was not dealt on the day: the market went from 186 to 188."
    assert told_of(equity(price="190")) == {
        "PRICE_OUTSIDE_RANGE": ("BLOCK", "price", "186 to 188", "190", message)
    }


@pytest.mark.parametrize(
    ("liquidity", "price", "passes"),
    [
        ("", "189.88", True), ("", "189.89", False), ("", "184.14", True), ("", "184.13", False),
        ("HIGH", "188.94", True), ("HIGH", "188.95", False),
        ("MEDIUM", "189.88", True), ("MEDIUM", "189.89", False),
        ("LOW", "193.64", True), ("LOW", "193.65", False),
    ],
)  # fmt: skip
def test_how_much_beyond_the_range_it_may_be_depends_on_liquidity(liquidity, price, passes):
    world()
    _range()
    Instrument.objects.filter(code=APPLE).update(liquidity_class=liquidity)
    assert ("PRICE_OUTSIDE_RANGE" not in told_of(equity(price=price))) is passes


def test_a_day_without_a_range_says_nothing():
    world()
    _range(None, None)
    assert told_of(equity(price="190")) == {}


def test_the_range_of_another_day_says_nothing():
    world()
    _range(date=date(2026, 11, 20))
    assert told_of(equity(price="190")) == {}
