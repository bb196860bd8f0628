"""A row of the blotter as it is shown, and as it is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ops.lists.trades import TRADES
from tests.support.factories import World, captured_ids, equity, fx
from tests.support.records import TODAY
from trades.selectors import blotter

pytestmark = pytest.mark.django_db


def test_each_column_tells_its_value_with_all_its_digits(world: World) -> None:
    captured_ids(equity("E-1", quantity="3", price="1.10"))
    (row,) = blotter.page(blotter.Filter()).rows
    told = {each.code: each.cell.value(row) for each in TRADES.columns}
    assert told["trade"] == "trd_" + str(told["trade"]).removeprefix("trd_")
    assert (told["status"], told["side"], told["currency"]) == ("CAPTURED", "buy", "USD")
    assert (told["quantity"], told["price"], told["net_amount"]) == (3, Decimal("1.10"), Decimal("3.30"))
    assert told["trade_date"] == TODAY and isinstance(told["trade_date"], date)
    assert (told["source_ref"], told["contra_amount"]) == ("E-1", None)


def test_a_pair_of_currencies_is_its_instrument(world: World) -> None:
    captured_ids(fx())
    (row,) = blotter.page(blotter.Filter()).rows
    assert "/" in str(TRADES.by_code["instrument"].cell.value(row))


def test_a_choice_of_columns_begins_with_the_trade_and_leaves_out_what_is_none() -> None:
    chosen = TRADES.columns_of("book,nothing,status,book,trade", {})
    assert [each.code for each in chosen] == ["trade", "book", "status"]
    assert TRADES.columns_of("nothing", {}) == [TRADES.columns[0], *TRADES.usual_columns({})]
