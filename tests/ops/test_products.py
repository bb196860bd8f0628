"""The trade page tells the economics of every product in its own words."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from core.ids import TRADE, public_id
from tests.ops.conftest import SignIn
from tests.support.factories import (
    OPTION,
    World,
    bond,
    bund,
    captured_ids,
    derivative,
    goods,
    listed,
    service,
    swap,
)


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("supervisor", name="sue")


def page(desk: Client, document: dict[str, Any]) -> str:
    """Return the words of a trade's page, without its marks."""
    (trade_id,) = captured_ids(document)
    shown = desk.get(f"/trades/{public_id(TRADE, trade_id)}").content.decode()
    text = html.unescape(re.sub(r"<[^>]+>", " ", shown))
    return re.sub(r"\s+", " ", text)


def assert_says(text: str, *parts: str) -> None:
    assert [part for part in parts if part not in text] == []


def test_a_bond_shows_both_prices_and_its_accrued_interest(world: World, desk: Client) -> None:
    bund()
    text = page(desk, bond(accrued_amount="4750.60"))
    assert_says(
        text,
        "Buy 1,000,000 DE0001102606 at 87.46 %",
        "Clean price 87.46 %",
        "Dirty price 87.9350684932 %",
        "Accrued interest 4,750.68 EUR 102 days, ACT/ACT.ICMA",
        "Accrued, as stated 4,750.60 EUR",
        "Coupon 1.7 %",
        "Maturity 2032-08-15",
    )


def test_a_bond_of_unknown_terms_is_shown_without_them(world: World, desk: Client) -> None:
    assert "Accrued interest" not in page(desk, bond())


def test_an_option_shows_its_contract(world: World, desk: Client) -> None:
    listed(OPTION)
    assert_says(
        page(desk, derivative(instrument=OPTION, price="84.3")),
        "Contract Option, call at 5,000",
        "Underlying EURO STOXX 50",
        "Multiplier 10 EUR",
        "Expiry 2026-12-18",
    )


def test_a_swap_shows_both_legs(world: World, desk: Client) -> None:
    assert_says(
        page(desk, swap()),
        "1,000,000.00 EUR against 1,085,000.00 USD at 1.085 , and back on 2026-12-25 at 1.0875",
        "Far leg, bought 1,087,500.00 USD",
        "Far leg, sold 1,000,000.00 EUR",
        "Far settlement date 2026-12-25",
    )


def test_a_service_shows_when_each_line_is_due(world: World, desk: Client) -> None:
    fees = [{"type": "TRAVEL", "amount": "80", "currency": "EUR"}]
    assert_says(
        page(desk, service(fees=fees)),
        "Sell service for 3,005.00 EUR",
        "SKU-1 1 2400 2400.00 2026-12-02 —",
        "SKU-2 12.5 42 525.00 2026-12-09 2026-12-02 to 2026-12-09",
        "Beyond the lines 80.00 EUR",
    )


def test_an_order_of_goods_is_named_by_its_amount(world: World, desk: Client) -> None:
    text = page(desk, goods())
    assert_says(text, "Sell goods for 96.00 EUR", "SKU-1 Ceramic mug 12 4.25 51.00")
    assert "None at" not in text
