"""OVER_DISCOUNT holds an order with an article too far below its list price."""

from decimal import Decimal

import pytest

from refdata.models import Instrument, Party
from tests.support.factories import close, goods, told_of, world

pytestmark = pytest.mark.django_db


def _order(price: str):
    close(Instrument.objects.get(code="SKU-1"), "10")
    return goods(lines=[{"sku": "SKU-1", "quantity": "12", "unit_price": price}])


def test_a_mug_for_a_tenth_of_its_price_is_found():
    world()
    told = told_of(_order("1"))
    assert set(told) == {"OVER_DISCOUNT", "OFF_PRICE_LIST"}
    message = "lines SKU-1 are priced at 1, too far below the list price of 10."
    assert told["OVER_DISCOUNT"] == ("BLOCK", "lines SKU-1", "10", "1", message)


@pytest.mark.parametrize(("price", "passes"), [("7", True), ("6.99", False), ("40", True)])
def test_thirty_per_cent_are_allowed(price, passes):
    world()
    assert ("OVER_DISCOUNT" not in told_of(_order(price))) is passes


@pytest.mark.parametrize(("price", "passes"), [("5", True), ("4.99", False)])
def test_a_customer_may_have_another_discount(price, passes):
    world()
    Party.objects.filter(code="CUST-01").update(max_discount=Decimal("0.5"))
    assert ("OVER_DISCOUNT" not in told_of(_order(price))) is passes
