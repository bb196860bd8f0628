"""GROSS_EXPOSURE: purchases and sales add up, none set off against another, until they settle."""

import pytest

from risk.measures import MEASURES
from tests.support.factories import checked, limit, settle, unit_trade, used, world

pytestmark = pytest.mark.django_db


def test_a_sale_uses_as_much_as_a_purchase_and_what_is_settled_nothing():
    world()
    limit("L", hard="1000", measure="GROSS_EXPOSURE")
    first = checked(unit_trade(0, side="BUY"))
    checked(unit_trade(1, side="SELL"))
    assert used("L") == {"BROKER-01": 200}
    settle([first])
    assert used("L") == {"BROKER-01": 100}


def test_it_accumulates():
    assert MEASURES["GROSS_EXPOSURE"].accumulates
