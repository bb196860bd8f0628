"""OFF_PRICE_LIST points out an article that is not sold at its list price."""

import pytest

from refdata.models import Instrument
from tests.support.factories import close, goods, told_of, world

pytestmark = pytest.mark.django_db


def _listed(**prices: str) -> None:
    for sku, price in prices.items():
        close(Instrument.objects.get(code=sku.replace("_", "-")), price)


def _order(price: str, other: str = "7.50", **changes):
    lines = [
        {"sku": "SKU-1", "quantity": "12", "unit_price": price},
        {"sku": "SKU-2", "quantity": "6", "unit_price": other},
    ]
    return goods(lines=lines, **changes)


def _finding(sku: str, expected: str, actual: str) -> dict[str, tuple[str, ...]]:
    message = f"lines {sku} are priced at {actual}; the list says {expected}."
    return {"OFF_PRICE_LIST": ("WARN", f"lines {sku}", expected, actual, message)}


@pytest.mark.parametrize(
    ("price", "found"), [("4.25", False), ("4.26", False), ("4.31", True), ("4.13", True), ("9", True)]
)
def test_another_price_than_the_lists_is_found(price, found):
    world()
    _listed(SKU_1="4.25")
    assert told_of(_order(price)) == (_finding("SKU-1", "4.25", price) if found else {})


def test_the_line_that_is_furthest_away_is_told():
    world()
    _listed(SKU_1="4.25", SKU_2="10")
    assert told_of(_order("4.10", "7.50")) == _finding("SKU-2", "10", "7.5")


def test_what_we_buy_and_what_has_no_list_price_passes():
    world()
    assert told_of(_order("4.10")) == {}
    _listed(SKU_1="4.25")
    assert told_of(_order("4.10", side="BUY")) == {}


def test_a_list_in_another_currency_says_nothing():
    world()
    close(Instrument.objects.get(code="SKU-1"), "4.25", currency="GBP")
    assert told_of(_order("4.10")) == {}
