"""GOODS: an order is delivered line by line, equal lines included, against one payment."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from refdata.models import Holiday, Instrument
from tests.support.factories import captured_ids, goods, world
from tests.support.legs import legs_of
from tests.support.records import version_of

pytestmark = pytest.mark.django_db


def line(sku: str, quantity: str, unit_price: str, **more: str) -> dict[str, str]:
    return {"sku": sku, "quantity": quantity, "unit_price": unit_price, **more}


def stored(**changes):
    (trade_id,) = captured_ids(goods(**changes))
    return version_of(trade_id, 1)


def test_its_columns_hold_the_sum_of_its_lines():
    of = world()
    found = stored()
    assert (found["quantity"], found["price"], found["gross_amount"], found["net_amount"]) == (
        18,
        None,
        96,
        96,
    )
    assert (found["instrument_ref"], found["counterparty_id"], found["base_amount"]) == (
        None,
        of.customer.id,
        96,
    )
    ids = dict(Instrument.objects.values_list("code", "id"))
    assert found["terms"] == {
        "lines": [
            {"sku": "SKU-1", "instrument_id": ids["SKU-1"], "description": "Ceramic mug", "quantity": "12",
             "unit_price": "4.25", "amount": "51.00"},
            {"sku": "SKU-2", "instrument_id": ids["SKU-2"], "description": "Tea towel", "quantity": "6",
             "unit_price": "7.50", "amount": "45.00"},
        ]
    }  # fmt: skip


def test_every_line_is_rounded_before_they_are_added():
    world()
    found = stored(lines=[line("SKU-1", "1", "0.005")] * 3)
    assert [each["amount"] for each in found["terms"]["lines"]] == ["0.01"] * 3
    assert found["gross_amount"] == Decimal("0.03")


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1"), ("BHD", "0.501"), ("EUR", "0.50")])
def test_its_lines_are_rounded_to_the_currencys_minor_unit(currency, amount):
    world()
    found = stored(currency=currency, lines=[line("SKU-1", "1", "0.5005")])
    assert found["terms"]["lines"][0]["amount"] == amount
    assert found["gross_amount"] == Decimal(amount)


def test_lines_that_are_equal_stay_lines_of_their_own():
    of = world()
    (trade_id,) = captured_ids(goods(lines=[line("SKU-1", "2", "4.25")] * 3))
    where = (date(2026, 11, 25), of.customer.id, of.book.id)
    assert legs_of(trade_id) == [
        (2, "CASH", "EUR", "RECEIVE", Decimal("25.50"), *where, "EUR"),
        (1001, "GOODS", "SKU-1", "DELIVER", Decimal(2), *where, "*"),
        (1002, "GOODS", "SKU-1", "DELIVER", Decimal(2), *where, "*"),
        (1003, "GOODS", "SKU-1", "DELIVER", Decimal(2), *where, "*"),
    ]


def test_an_order_that_we_buy_goes_the_other_way():
    world()
    (trade_id,) = captured_ids(goods(side="BUY"))
    assert [(leg[1], leg[3]) for leg in legs_of(trade_id)] == [
        ("CASH", "DELIVER"),
        ("GOODS", "RECEIVE"),
        ("GOODS", "RECEIVE"),
    ]


def test_a_side_that_is_not_sent_is_a_sale():
    world()
    document = goods()
    del document["side"]
    (trade_id,) = captured_ids(document)
    assert version_of(trade_id, 1)["side"] == "SELL"


def test_an_article_nobody_knows_is_kept_without_an_id():
    world()
    assert stored(lines=[line("NOTHING", "1", "1")])["terms"]["lines"][0]["instrument_id"] is None


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_fees_are_paid_on_top_whoever_buys(side):
    world()
    fees = [
        {"type": "SHIPPING", "amount": "4.50", "currency": "EUR"},
        {"type": "DUTY", "amount": "9", "currency": "USD"},
    ]
    found = stored(side=side, fees=fees)
    assert (found["gross_amount"], found["net_amount"]) == (96, Decimal("100.50"))


@pytest.mark.parametrize(("calendar", "day"), [("EUR", 26), ("FIRM", 26), ("XETR", 25)])
def test_a_delivery_date_that_is_not_sent_is_two_business_days_away(calendar, day):
    world()
    Holiday.objects.create(calendar=calendar, date=date(2026, 11, 25))
    assert stored(settlement_date=None)["settlement_date"] == date(2026, 11, day)
