"""What goods that are sold bring, and what they cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.ledger.journal_support import balances, journal
from tests.ledger.support import post
from tests.support.factories import captured_ids, goods, world

pytestmark = pytest.mark.django_db


def order(side: str, price: str) -> dict:
    return goods(side=side, lines=[{"sku": "SKU-1", "quantity": "10", "unit_price": price}])


@pytest.mark.parametrize("sides", [("BUY", "SELL"), ("SELL", "BUY")])
def test_is_revenue_and_cost_whether_bought_before_or_after(sides):
    world()
    price = {"BUY": "3", "SELL": "5"}
    for side in sides:
        captured_ids(order(side, price[side]))
    post()
    journal()
    assert balances("DELIVERY") == {
        ("INVENTORY", "EUR"): Decimal(20),
        ("REVENUE", "EUR"): Decimal(-50),
        ("COST_OF_SALES", "EUR"): Decimal(30),
    }
    assert ("INVENTORY", "EUR") not in balances()
