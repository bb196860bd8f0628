"""REVERSING_PAIR points out a deal that undoes another one with the same party."""

import pytest

from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    fx,
    told_of,
    world,
)

pytestmark = pytest.mark.django_db
AT = "2026-11-23T10:00:00Z"


def test_the_later_of_a_purchase_and_a_sale_is_found():
    world()
    bought, sold = captured_ids(
        equity("E-1", executed_at=AT),
        equity("E-2", side="SELL", price="187.90", executed_at="2026-11-23T10:05:00Z"),
    )
    check_everything()
    assert (codes_of(bought), codes_of(sold)) == ([], ["REVERSING_PAIR"])


def test_it_names_the_deal_that_is_undone():
    world()
    checked(equity("E-1", executed_at=AT))
    message = "The deal undoes FO-EQ E-1, of the same size with the same party."
    assert told_of(equity("E-2", side="SELL", executed_at=AT)) == {
        "REVERSING_PAIR": ("WARN", "counterparty", "no deal that undoes it", "FO-EQ E-1", message)
    }


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"executed_at": "2026-11-23T10:15:00Z"}, True), ({"executed_at": "2026-11-23T10:15:01Z"}, False),
        ({"executed_at": "2026-11-23T09:45:00Z"}, True), ({"executed_at": None}, False),
        ({"quantity": "101"}, False), ({"trader": "zoe"}, False), ({"counterparty": "CUST-01"}, False),
        ({"side": "BUY", "price": "188.90"}, False), ({"instrument": "DE0007164600"}, False),
        ({"price": "188.65"}, True), ({"price": "188.67"}, False), ({"price": "185.86"}, True),
        ({"price": "185.84"}, False),
    ],
    ids=str,
)  # fmt: skip
def test_what_undoes_a_deal(changes, found):
    world()
    checked(equity("E-1", executed_at=AT))
    told = told_of(equity("E-2", **{"side": "SELL", "executed_at": AT, "price": "188.20", **changes}))
    assert ("REVERSING_PAIR" in told) is found


@pytest.mark.parametrize(
    ("bought", "sold", "found"),
    [("1085000", "1000000", True), ("1086000", "1000000", True), ("99", "77", False)],
)
def test_an_exchange_is_undone_by_the_way_back(bought, sold, found):
    world()
    checked(fx("F-1", executed_at=AT))
    terms = {
        "bought": {"currency": "USD", "amount": bought},
        "sold": {"currency": "EUR", "amount": sold},
        "rate": "1.085",
        "rate_basis": "BOUGHT_PER_SOLD",
    }
    assert ("REVERSING_PAIR" in told_of(fx("F-2", executed_at=AT, terms=terms))) is found
