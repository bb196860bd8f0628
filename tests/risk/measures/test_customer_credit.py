"""CUSTOMER_CREDIT: what customers have ordered and not yet paid."""

import pytest

from tests.support.factories import checked, codes_of, goods, limit, settle, unit_trade, used, world

pytestmark = pytest.mark.django_db


def test_orders_count_until_they_are_paid_and_nothing_else_does():
    world()
    limit("L", hard="100", measure="CUSTOMER_CREDIT")
    checked(unit_trade(0))
    order = checked(goods())
    assert codes_of(checked(goods(lines=[{"sku": "SKU-1", "quantity": "1", "unit_price": "5"}]))) == [
        "LIMIT_BREACH"
    ]
    assert used("L") == {"CUST-01": 101}
    settle([order])
    assert used("L") == {"CUST-01": 5}
