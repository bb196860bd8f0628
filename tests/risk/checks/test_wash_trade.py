"""WASH_TRADE points out that a trader bought and sold the same at the same price."""

import pytest

from tests.support.factories import checked, equity, fx, party, told_of, world

pytestmark = pytest.mark.django_db
AT = "2026-11-23T10:00:00Z"


def _sale(**changes):
    return equity("E-2", **{"side": "SELL", "counterparty": "BROKER-02", "executed_at": AT, **changes})


def test_a_sale_at_the_price_of_the_purchase_is_found():
    world()
    party("BROKER-02")
    checked(equity("E-1", executed_at=AT))
    message = "The trader jdoe dealt the other way round at the same price: FO-EQ E-1."
    assert told_of(_sale()) == {
        "WASH_TRADE": ("WARN", "trader jdoe", "no deal that undoes it", "FO-EQ E-1", message)
    }


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"quantity": "110"}, True), ({"quantity": "112"}, False), ({"price": "187.26"}, False),
        ({"executed_at": "2026-11-23T10:05:00Z"}, True), ({"executed_at": "2026-11-23T10:05:01Z"}, False),
        ({"trader": "zoe"}, False), ({"side": "BUY"}, False), ({"book": "NOWHERE"}, True),
    ],
    ids=str,
)  # fmt: skip
def test_what_makes_it_one(changes, found):
    world()
    party("BROKER-02")
    checked(equity("E-1", executed_at=AT))
    assert ("WASH_TRADE" in told_of(_sale(**changes))) is found


def test_with_the_same_party_it_is_a_reversing_pair():
    world()
    checked(equity("E-1", executed_at=AT))
    assert set(told_of(_sale(counterparty="BROKER-01"))) == {"REVERSING_PAIR"}


def test_an_exchange_is_one_by_both_of_its_amounts():
    world()
    party("BROKER-02")
    checked(fx("F-1", executed_at=AT))
    terms = {
        "bought": {"currency": "USD", "amount": "1085000.00"},
        "sold": {"currency": "EUR", "amount": "1000000.00"},
        "rate": "1.085",
        "rate_basis": "BOUGHT_PER_SOLD",
    }
    assert set(told_of(fx("F-2", counterparty="BROKER-02", executed_at=AT, terms=terms))) == {"WASH_TRADE"}
