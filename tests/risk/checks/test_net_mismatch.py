"""NET_MISMATCH holds a trade whose net amount is not its gross amount with its fees."""

import pytest

from tests.support.factories import equity, fx, goods, told_of, world

pytestmark = pytest.mark.django_db
FEES = [
    {"type": "COMMISSION", "amount": "5.00", "currency": "USD"},
    {"type": "TAX", "amount": "0.50", "currency": "USD"},
    {"type": "CUSTODY", "amount": "9.00", "currency": "GBP"},
]


def _finding(expected: str, actual: str) -> dict[str, tuple[str, ...]]:
    message = f"Gross amount and fees make {expected}, but the net amount says {actual}."
    return {"NET_MISMATCH": ("BLOCK", "net_amount", expected, actual, message)}


@pytest.mark.parametrize(("side", "net"), [("BUY", "18730.50"), ("SELL", "18719.50")])
def test_a_buyer_pays_the_fees_on_top_and_a_seller_out_of_the_proceeds(side, net):
    world()
    assert told_of(equity(side=side, fees=FEES, net_amount=net)) == {}


@pytest.mark.parametrize(("side", "expected"), [("BUY", "18730.5000"), ("SELL", "18719.5000")])
def test_a_net_amount_without_the_fees_is_found(side, expected):
    world()
    told = told_of(equity(side=side, fees=FEES, net_amount="18725"))
    assert told == _finding(expected, "18725.0000")


@pytest.mark.parametrize(
    ("fee", "expected"), [(FEES[0], "18730.0000"), (FEES[2], "18725.0000"), (None, "18725.0000")]
)
def test_a_single_fee_counts_where_it_is_of_the_currency_of_the_deal(fee, expected):
    world()
    fees = [fee] if fee else []
    assert told_of(equity(fees=fees, net_amount=expected[:-2])) == {}
    assert told_of(equity(fees=fees, net_amount="9.00")) == _finding(expected, "9.0000")


def test_a_net_amount_other_than_gross_needs_fees():
    world()
    assert told_of(equity(net_amount="18725.01")) == _finding("18725.0000", "18725.0100")


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_who_buys_goods_pays_for_their_delivery(side):
    world()
    shipping = [{"type": "SHIPPING", "amount": "4", "currency": "EUR"}]
    assert told_of(goods(side=side, fees=shipping, net_amount="100.00")) == {}
    told = told_of(goods(side=side, fees=shipping, net_amount="92.00", trader="x"))
    assert told == _finding("100.0000", "92.0000")


@pytest.mark.parametrize(
    "document", [equity(fees=FEES), goods(fees=FEES), fx()], ids=["EQUITY", "GOODS", "FX"]
)
def test_a_net_amount_that_we_derive_agrees(document):
    world()
    assert told_of(document) == {}
