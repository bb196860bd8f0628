"""POSSIBLE_DUPLICATE holds the later of two live deals of a day that say the same."""

from datetime import date

import pytest

from core.audit import system
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    findings_of,
    fx,
    goods,
    settle,
    told_of,
    world,
)
from tests.support.records import CLERK, LATER, NOW
from trades.lifecycle import State, move_trades
from trades.services.repair import repair_trade

pytestmark = pytest.mark.django_db


def test_the_later_one_is_found_and_names_the_first():
    world()
    first, second = captured_ids(equity("E-1"), equity("E-2"))
    check_everything()
    assert codes_of(first) == []
    (finding,) = findings_of(second)
    assert finding == {
        "version": 1, "code": "POSSIBLE_DUPLICATE", "severity": "BLOCK", "subject": "source_ref",
        "message": "The same deal was also captured as FO-EQ E-1.", "expected": "one deal",
        "actual": "FO-EQ E-1", "closing": "",
    }  # fmt: skip


def test_the_order_of_capture_counts_whichever_is_checked_first():
    world()
    first, second = captured_ids(equity("E-1"), equity("E-2"))
    check_everything(limit=1)
    third = checked(equity("E-0"))
    assert [codes_of(each) for each in (first, second, third)] == [
        [],
        ["POSSIBLE_DUPLICATE"],
        ["POSSIBLE_DUPLICATE"],
    ]


@pytest.mark.parametrize(
    "other", [{"trader": "other"}, {"source": "FO-2"}, {"settlement_date": "2026-11-26"}]
)
def test_another_source_or_trader_does_not_make_it_another_deal(other):
    world()
    checked(equity("E-1"))
    assert set(told_of(equity("E-2", **other))) == {"POSSIBLE_DUPLICATE"}


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": "101"}, {"price": "187.26"}, {"side": "SELL"}, {"counterparty": "CUST-01"},
        {"on": date(2026, 11, 22), "settlement_date": "2026-11-25"},
        {"fees": [{"type": "TAX", "amount": "0.01", "currency": "USD"}]},
        {"instrument": "DE0007164600", "price": "187.25"},
    ],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
def test_other_economics_are_another_deal(other):
    world()
    checked(equity("E-1"))
    assert told_of(equity("E-2", **other)) == {}


def test_a_cancelled_deal_has_no_duplicate_and_a_settled_one_has():
    world()
    cancelled = checked(equity("E-1"))
    move_trades(
        trade_ids=[cancelled], source=State.VALIDATED, target=State.CANCELLED, at=NOW, actor=system("tests")
    )
    second = checked(equity("E-2"))
    assert codes_of(second) == []
    settle([second])
    assert codes_of(checked(equity("E-3"))) == ["POSSIBLE_DUPLICATE"]


def repair(trade_id: int, version: int = 1, **changes: str) -> None:
    repair_trade(trade_id=trade_id, version=version, changes=changes, reason="typo", actor=CLERK, now=LATER)
    check_everything(now=LATER)


def test_a_repair_into_a_copy_of_a_later_deal_is_found_and_so_is_what_follows_it():
    world()
    first, second = captured_ids(equity("E-1", counterparty="NOBODY"), equity("E-2"))
    check_everything()
    assert (codes_of(first), codes_of(second)) == (["UNKNOWN_PARTY"], [])
    repair(first, counterparty="BROKER-01")
    (finding,) = [each for each in findings_of(first) if each["code"] == "POSSIBLE_DUPLICATE"]
    assert (finding["version"], finding["actual"]) == (2, "FO-EQ E-2")
    repair(first, version=2, trader="zoe")
    assert codes_of(first) == ["POSSIBLE_DUPLICATE"]
    assert codes_of(second) == []


def test_a_repair_that_leaves_the_economics_alone_does_not_blame_the_first_for_its_copy():
    world()
    first, second = captured_ids(equity("E-1", book="NOWHERE"), equity("E-2", book="NOWHERE"))
    check_everything()
    assert "POSSIBLE_DUPLICATE" in codes_of(second)
    repair(first, trader="zoe")
    assert codes_of(first) == ["UNKNOWN_BOOK"]


def test_orders_are_the_same_by_all_of_their_lines():
    world()
    lines = [
        {"sku": "SKU-1", "quantity": "1", "unit_price": "2"},
        {"sku": "SKU-2", "quantity": "2", "unit_price": "1"},
    ]
    checked(goods("O-1", lines=lines))
    swapped = [{**lines[0], "sku": "SKU-2"}, {**lines[1], "sku": "SKU-1"}]
    assert told_of(goods("O-2", lines=swapped)) == {}
    assert set(told_of(goods("O-3", lines=lines))) == {"POSSIBLE_DUPLICATE"}


def test_exchanges_are_the_same_by_both_amounts_and_the_rate():
    world()
    checked(fx("F-1"))
    other = fx("F-2")
    other["terms"] = {**other["terms"], "sold": {"currency": "USD", "amount": "1085000.01"}}
    assert told_of(other) == {}
    assert set(told_of(fx("F-3"))) == {"POSSIBLE_DUPLICATE"}
