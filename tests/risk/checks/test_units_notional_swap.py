"""UNITS_NOTIONAL_SWAP holds a deal whose quantity looks like its amount of money."""

from decimal import Decimal

import pytest

from risk.models import SizeHistory
from tests.support.factories import EURO_SHARE, bond, bund, equity, told_of, world

pytestmark = pytest.mark.django_db


def _history(product: str = "EQUITY") -> None:
    """Let the trader deal in 10,000 euro, give or take a factor of two."""
    SizeHistory.objects.create(
        scope="TRADER",
        key="jdoe",
        product=product,
        trades=500,
        mean=Decimal("9.210340"),
        spread=Decimal("0.693147"),
    )


def _euro(quantity: str, price: str):
    return equity(instrument=EURO_SHARE, currency="EUR", quantity=quantity, price=price)


def test_a_quantity_that_is_usual_as_an_amount_and_not_as_units_is_found():
    world()
    _history()
    told = told_of(equity(quantity="10870"))  # 10,870 dollars are 10,000.40 euro
    assert set(told) == {"UNITS_NOTIONAL_SWAP", "UNUSUAL_SIZE"}
    assert told["UNITS_NOTIONAL_SWAP"] == (
        "BLOCK", "trader jdoe", "56568.50", "10870",
        "The quantity 10870 looks like an amount of money: as one it is usual for trader jdoe, as a number of units"
        " it exceeds the usual 56568.50 in base currency.",
    )  # fmt: skip


def test_a_usual_deal_passes():
    world()
    _history()
    assert told_of(equity(quantity="58")) == {}


def test_a_deal_that_is_large_either_way_is_only_unusual():
    world()
    _history()
    assert set(told_of(_euro("1000000", "100"))) == {"UNUSUAL_SIZE"}


def test_a_deal_that_is_large_but_of_few_units_is_only_unusual():
    world()
    _history()
    assert set(told_of(_euro("1", "120000"))) == {"UNUSUAL_SIZE"}


@pytest.mark.parametrize(("price", "found"), [("5", True), ("4.99", False)])
def test_a_price_near_one_cannot_tell_units_from_amounts(price, found):
    world()
    _history()
    assert ("UNITS_NOTIONAL_SWAP" in told_of(_euro("50000", price))) is found


def test_the_quantity_of_a_bond_is_an_amount():
    world()
    bund()
    _history("BOND")
    assert set(told_of(bond(trader="jdoe"))) == {"UNUSUAL_SIZE"}
