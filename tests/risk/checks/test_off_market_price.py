"""OFF_MARKET_PRICE holds a deal at a price far from the latest close."""

from datetime import date
from decimal import Decimal

import pytest

from refdata.models import Instrument
from tests.support.factories import close, equity, fx, goods, told_of, world

pytestmark = pytest.mark.django_db


def _finding(actual: str, expected: str = "187 of 2026-11-23") -> dict[str, tuple[str, ...]]:
    message = f"The price {actual} is off the market: the close was {expected}."
    return {"OFF_MARKET_PRICE": ("BLOCK", "price", expected, actual, message)}


@pytest.mark.parametrize(
    ("price", "passes"), [("205.70", True), ("205.71", False), ("168.30", True), ("168.29", False)]
)
def test_a_price_may_be_ten_per_cent_away_and_no_more(price, passes):
    world()
    assert told_of(equity(price=price)) == ({} if passes else _finding(price))


def test_a_figure_keyed_ten_times_too_big_is_found():
    world()
    assert told_of(equity(price="1872.5")) == _finding("1872.5")


def test_an_instrument_may_have_a_tolerance_of_its_own():
    world()
    Instrument.objects.filter(code="US0378331005").update(price_tolerance=Decimal("0.0010"))
    assert told_of(equity(price="187.18")) == {}
    assert told_of(equity(price="187.25", trader="x")) == _finding("187.25")


def test_the_close_that_counts_is_the_latest_on_or_before_the_trade_date():
    of = world()
    close(of.apple, "100", on=date(2026, 11, 20))
    close(of.apple, "500", on=date(2026, 11, 24))
    assert told_of(equity(on=date(2026, 11, 22), price="101", settlement_date="2026-11-25")) == {}
    told = told_of(equity(on=date(2026, 11, 22), settlement_date="2026-11-25"))
    assert told == _finding("187.25", "100 of 2026-11-20")


def test_a_close_older_than_ten_days_says_nothing():
    of = world()
    close(of.euro_share, "1", on=date(2026, 11, 13))
    deal = {"instrument": "DE0007164600", "currency": "EUR", "price": "100"}
    assert told_of(equity(**deal)).items() >= _finding("100", "1 of 2026-11-13").items()
    assert "OFF_MARKET_PRICE" not in told_of(equity(on=date(2026, 11, 24), **deal))


@pytest.mark.parametrize(
    ("liquidity", "price", "passes"),
    [
        ("HIGH", "196.35", True), ("HIGH", "196.36", False),
        ("MEDIUM", "205.70", True), ("MEDIUM", "205.71", False),
        ("LOW", "233.75", True), ("LOW", "233.76", False),
    ],
)  # fmt: skip
def test_how_far_a_price_may_be_away_depends_on_how_much_the_instrument_is_dealt_in(liquidity, price, passes):
    world()
    Instrument.objects.filter(code="US0378331005").update(liquidity_class=liquidity)
    assert told_of(equity(price=price)) == ({} if passes else _finding(price))


def test_a_close_in_another_currency_says_nothing():
    of = world()
    close(of.euro_share, "1", currency="USD")
    assert told_of(equity(instrument="DE0007164600", currency="EUR", price="100")) == {}


@pytest.mark.parametrize("document", [fx(), goods()], ids=["FX", "GOODS"])
def test_what_has_no_close_passes(document):
    world()
    assert told_of(document) == {}
