"""NET_NOTIONAL: purchases less sales, as the distance from zero."""

import pytest

from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    limit,
    unit_trade,
    used,
    world,
)

pytestmark = pytest.mark.django_db


def test_sales_are_set_off_against_purchases():
    world()
    limit("L", hard="150", measure="NET_NOTIONAL", dimensions=("book",))
    captured_ids(*[unit_trade(n, side="SELL" if n % 2 else "BUY") for n in range(7)])
    check_everything()
    assert used("L") == {"BOOK-1": 100}
    short = captured_ids(*[unit_trade(n, side="SELL") for n in range(10, 13)])
    check_everything()
    assert used("L") == {"BOOK-1": -200}
    assert [codes_of(each) for each in short] == [[], [], ["LIMIT_BREACH"]]


def test_a_trade_that_brings_it_nearer_to_zero_is_not_held():
    world()
    limit("L", hard="50", measure="NET_NOTIONAL", dimensions=("book",))
    assert codes_of(checked(unit_trade(0, side="SELL"))) == ["LIMIT_BREACH"]
    assert codes_of(checked(unit_trade(1, side="BUY", quantity="1"))) == []
    assert used("L") == {"BOOK-1": -50}
