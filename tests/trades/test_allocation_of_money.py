"""The parts of a block make its money exactly, and count against limits in its place."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import sql
from risk.services.recompute import recompute_limits
from tests.support.api import Api
from tests.support.blocks import TWO, allocate, other_book, parts_of, post, terms_of
from tests.support.factories import (
    bond,
    bund,
    captured_ids,
    check_everything,
    checked,
    codes_of,
    derivative,
    equity,
    fx,
    limit,
    listed,
    swap,
    used,
)
from tests.support.records import CLERK, LATER, NOW, state_of
from trades.lifecycle import State

D = Decimal


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db: None) -> Api:
    other_book()
    return Api()


_QUANTITIES = st.lists(st.integers(1, 4_000), min_size=1, max_size=12)
_PRODUCTS = ("EQUITY", "BOND", "LISTED_DERIVATIVE", "FX_SPOT", "FX_SWAP")


def _block(product: str, total: D, side: str, price: D) -> dict[str, Any]:
    """Return a block of a product over a quantity, with two fees, whose amounts do not divide evenly."""
    fees = [
        {"type": "COMMISSION", "amount": "3.01", "currency": "EUR"},
        {"type": "STAMP", "amount": "0.05", "currency": "GBP"},
    ]
    if product in {"FX_SPOT", "FX_SWAP"}:
        there = {"bought": {"currency": "EUR", "amount": f"{total:f}"},
                 "sold": {"currency": "JPY", "amount": f"{round(total * price)}"}, "rate": f"{price:f}"}  # fmt: skip
        if product == "FX_SPOT":
            return fx(terms=there)
        document = swap()
        far = {
            **document["terms"]["far"],
            "bought": there["sold"],
            "sold": there["bought"],
            "rate": f"{price:f}",
        }
        return swap(terms={"near": there, "far": far})
    make = {"EQUITY": equity, "BOND": bond, "LISTED_DERIVATIVE": derivative}[product]
    stated = {"currency": "EUR"} if product == "EQUITY" else {}
    return make(quantity=f"{total:f}", price=f"{price:f}", side=side, fees=fees, **stated)


def _sums(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what rows of terms amount to together."""
    names = ("quantity", "gross_amount", "net_amount", "contra_amount", "base_amount")
    sums: dict[str, Any] = {name: sum((row[name] or D(0) for row in rows), D(0)) for name in names}
    for row in rows:
        for fee in row["fees"] or ():
            key = f"{fee['type']} {fee['currency']}"
            sums[key] = sums.get(key, D(0)) + D(fee["amount"])
        for name in ("bought_amount", "sold_amount"):
            if far := (row["terms"] or {}).get("far"):
                sums[name] = sums.get(name, D(0)) + D(far[name])
    return sums


class TestSums(TestCase):
    """Whatever a block is divided into makes it exactly, and each part agrees with itself."""

    @settings(max_examples=30, deadline=None)
    @given(
        product=st.sampled_from(_PRODUCTS),
        quantities=_QUANTITIES,
        scale=st.integers(0, 4),
        side=st.sampled_from(["BUY", "SELL"]),
        price=st.decimals("2", "180", places=4),
    )
    def test_the_parts_make_the_block(
        self, product: str, quantities: list[int], scale: int, side: str, price: D
    ) -> None:
        other_book()
        bund()
        listed()
        scale = min(scale, 2) if product.startswith("FX") else scale
        parts = [D(each).scaleb(-scale) for each in quantities]
        block = checked(_block(product, sum(parts, D(0)), side, price))
        expected = {code for code in codes_of(block) if code not in {"OFF_MARKET_PRICE"}}
        items = [
            {"book": f"BOOK-{1 + place % 2}", "quantity": f"{part:f}"} for place, part in enumerate(parts)
        ]
        allocate(block, *items)
        sql.run("SET CONSTRAINTS ALL IMMEDIATE")
        sql.run("SET CONSTRAINTS ALL DEFERRED")
        made = [terms_of(each) for each in parts_of(block)]
        assert [row["quantity"] for row in made] == parts
        assert _sums(made) == _sums([terms_of(block)])
        check_everything(now=LATER)
        for each in parts_of(block):
            assert set(codes_of(each)) - {"OFF_MARKET_PRICE", "NON_POSITIVE"} <= expected


def _euro(used: str) -> dict[str, str]:
    return {"used": used, "currency": "EUR"}


class TestLimits:
    def test_parts_count_in_the_place_of_the_block_at_once(self, api: Api) -> None:
        limit(hard="100000")
        limit("BOOKS", hard="100000", dimensions=("book",))
        block = checked(equity())
        assert used() == {"BROKER-01": D("17227")}
        items = [{"book": "BOOK-2", "quantity": "33"}, {"counterparty": "CUST-01", "quantity": "67"}]
        told = post(api, block, items).json()
        assert told["effects"]["limits"] == [
            {"key": "BOOKS BOOK-1", "before": _euro("17227.00"), "after": _euro("11542.09")},
            {"key": "BOOKS BOOK-2", "before": None, "after": _euro("5684.91")},
            {"key": "CPTY BROKER-01", "before": _euro("17227.00"), "after": _euro("5684.91")},
            {"key": "CPTY CUST-01", "before": None, "after": _euro("11542.09")},
        ]
        figures = {"BROKER-01": D("5684.91"), "CUST-01": D("11542.09")}
        assert used() == figures
        assert recompute_limits(now=NOW, actor=CLERK, correct=False) == []
        check_everything()
        assert used() == figures
        post(api, block, [{"counterparty": "CUST-01", "quantity": "100"}])
        assert used() == {"BROKER-01": D(0), "CUST-01": D("17227")}
        check_everything()
        assert used() == {"BROKER-01": D(0), "CUST-01": D("17227")}
        assert recompute_limits(now=NOW, actor=CLERK, correct=False) == []
        post(api, block, None, what="cancellations")
        assert set(used().values()) == {D(0)}
        assert recompute_limits(now=NOW, actor=CLERK, correct=False) == []

    def test_a_block_that_does_not_count_yet_has_parts_that_count_from_their_check(self, api: Api) -> None:
        limit(hard="100000")
        (block,) = captured_ids(equity())
        post(api, block, TWO)
        assert used() == {}
        check_everything()
        assert sum(used().values()) == D("17227")

    def test_a_part_that_breaches_is_held(self, api: Api) -> None:
        limit(hard="10000", members=("CUST-01",))
        block = checked(equity())
        post(
            api, block, [{"counterparty": "CUST-01", "quantity": "70"}, {"book": "BOOK-2", "quantity": "30"}]
        )
        check_everything()
        one, two = parts_of(block)
        assert (codes_of(one), state_of(two)[0]) == (["LIMIT_BREACH"], State.VALIDATED)
