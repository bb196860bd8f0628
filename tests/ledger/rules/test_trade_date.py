"""What a deal of each product is in the books from its trade date on."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.ledger.journal_support import balances, journal
from tests.ledger.support import post
from tests.support.factories import (
    bond,
    bund,
    captured_ids,
    derivative,
    equity,
    fx,
    goods,
    listed,
    service,
    world,
)

pytestmark = pytest.mark.django_db


SOLD = {"sku": "SKU-1", "quantity": "10", "unit_price": "10.00"}
RETURNED = {"sku": "SKU-2", "quantity": "-4", "unit_price": "5.00"}
COMMISSION = [{"type": "COMMISSION", "amount": "10", "currency": "USD"}]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            equity(fees=COMMISSION),
            {("FEE_EXPENSE", "USD"): "10", ("INVENTORY", "USD"): "18725", ("PAYABLE", "USD"): "-18735"},
        ),
        (
            equity(side="SELL", fees=COMMISSION),
            {("FEE_EXPENSE", "USD"): "10", ("INVENTORY", "USD"): "-18725", ("RECEIVABLE", "USD"): "18715"},
        ),
        (
            fx(),
            {
                ("POSITION", "EUR"): "-1000000",
                ("POSITION", "USD"): "1085000",
                ("PAYABLE", "USD"): "-1085000",
                ("RECEIVABLE", "EUR"): "1000000",
            },
        ),
        (derivative(), {("INVENTORY", "EUR"): "1228125", ("POSITION", "EUR"): "-1228125"}),
        (goods(), {("INVENTORY", "EUR"): "-96", ("RECEIVABLE", "EUR"): "96"}),
        (goods(side="BUY"), {("INVENTORY", "EUR"): "96", ("PAYABLE", "EUR"): "-96"}),
        (
            goods(lines=[RETURNED, SOLD]),
            {("INVENTORY", "EUR"): "-80", ("RECEIVABLE", "EUR"): "80"},
        ),
        (service(), {("RECEIVABLE", "EUR"): "2925", ("REVENUE", "EUR"): "-2925"}),
        (
            service(fees=[{"type": "TRAVEL", "amount": "75", "currency": "EUR"}]),
            {("RECEIVABLE", "EUR"): "3000", ("REVENUE", "EUR"): "-2925", ("FEE_INCOME", "EUR"): "-75"},
        ),
        (service(side="BUY"), {("COST_OF_SALES", "EUR"): "2925", ("PAYABLE", "EUR"): "-2925"}),
    ],
)
def test_balances_in_each_currency(document, expected):
    world()
    listed()
    captured_ids(document)
    post()
    journal()
    assert balances() == {key: Decimal(amount) for key, amount in expected.items()}


def test_keeps_the_interest_of_a_bond_apart_from_what_it_costs():
    world()
    bund()
    captured_ids(bond())
    post()
    journal()
    found = balances()
    assert found["INVENTORY", "EUR"] == 874600
    assert found["ACCRUED_INTEREST", "EUR"] > 0
    assert sum(found.values()) == 0
