"""AMOUNT_PRECISION holds a deal whose amounts cannot be paid exactly."""

from __future__ import annotations

import pytest

from core import sql
from core.ids import TRADE, public_id
from tests.support.api import Api
from tests.support.factories import checked, codes_of, equity, fx, goods, told_of, world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("stated", "subject", "unit", "actual"),
    [
        ({"net_amount": "18725.001"}, "net_amount", "0.01 USD", "18725.001"),
        ({"gross_amount": "18725.0049", "net_amount": "18725"}, "gross_amount", "0.01 USD", "18725.0049"),
        (
            {"fees": [{"type": "TAX", "amount": "0.0001", "currency": "USD"}]},
            "net_amount", "0.01 USD", "18725.0001",
        ),
        ({"currency": "JPY", "gross_amount": "18725.5", "net_amount": "18726"}, "gross_amount", "1 JPY", "18725.5"),
    ],
)  # fmt: skip
def test_an_amount_finer_than_the_minor_unit_is_found_and_kept(stated, subject, unit, actual):
    world()
    expected = f"multiples of {unit}"
    assert told_of(equity("E-1", **stated))["AMOUNT_PRECISION"] == (
        "BLOCK", subject, expected, actual,
        f"The {subject} {actual} cannot be paid: its currency has {expected}.",
    )  # fmt: skip


@pytest.mark.parametrize("side", ["bought", "sold"])
def test_both_amounts_of_an_exchange_are_looked_at_as_they_were_sent(side):
    world()
    deal = fx()
    deal["terms"] = {**deal["terms"], side: {**deal["terms"][side], "amount": "1000000.0001"}}
    found = told_of(deal)["AMOUNT_PRECISION"]
    currency = deal["terms"][side]["currency"]
    assert found[2:4] == (f"multiples of 0.01 {currency}", "1000000.0001")


def test_amounts_to_the_minor_unit_pass():
    world()
    assert told_of(equity(net_amount="18725.0000")) == {}
    assert told_of(fx()) == {}
    assert told_of(goods()) == {}
    assert "AMOUNT_PRECISION" not in told_of(equity(currency="BHD", gross_amount="18725.001"))


def test_it_is_shown_as_it_is():
    world()
    trade_id = checked(equity(net_amount="18725.005"))
    assert codes_of(trade_id)[-1] == "AMOUNT_PRECISION"
    assert sql.row("SELECT net_amount::text FROM trades_version") == ("18725.0050",)
    shown = Api().get(f"/trades/{public_id(TRADE, trade_id)}").json()
    assert (shown["net_amount"], shown["gross_amount"]) == ("18725.005", "18725.00")
