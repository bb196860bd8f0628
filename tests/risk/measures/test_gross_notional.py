"""GROSS_NOTIONAL: the size of all live trades of a book, purchases and sales alike."""

import pytest

from risk.measures import MEASURES
from tests.support.factories import checked, limit, unit_trade, used, world

pytestmark = pytest.mark.django_db


def test_purchases_and_sales_add_up_whatever_is_wrong_with_them():
    world()
    limit("L", hard="1000", measure="GROSS_NOTIONAL", dimensions=("book",))
    checked(unit_trade(0, side="BUY"))
    checked(unit_trade(1, side="SELL"))
    checked(unit_trade(2, quantity="-3"))
    assert used("L") == {"BOOK-1": 300}


def test_it_accumulates():
    assert MEASURES["GROSS_NOTIONAL"].accumulates
