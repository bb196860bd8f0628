"""The one statement of all checks: what it shares among them, and how it is planned, changes nothing that it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from core import sql
from core.clock import business_date
from risk.checks import CHECKS
from risk.checks._composition import bound_to, composed_statement
from risk.checks._settings import declared
from risk.services.check import PLANNED_ONCE, findings_under, preview
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
    swap,
    world,
)
from tests.support.records import NOW
from trades.products import PRODUCTS

_FAULTS: tuple[dict[str, Any], ...] = (
    {}, {"counterparty": "NOBODY"}, {"book": "NOWHERE"}, {"net_amount": "9.005"}, {"settlement_date": "2026-11-21"},
    {"executed_at": "2026-10-01T10:00:00Z"}, {"trade_date": "2027-01-04"},
    {"fees": [{"type": "TAX", "amount": "1.95", "currency": "CHF"}]},
)  # fmt: skip


def _documents() -> Iterator[dict[str, Any]]:
    """Yield trades of every product, sound and with each fault, and pairs that are alike or undo each other."""
    for n, fault in enumerate(_FAULTS):
        for number, made in enumerate((equity, fx, goods, bond, derivative, swap, service)):
            yield made(f"F-{n}-{number}", **fault)
    yield swap("S-1", far={"rate": "1.25"})
    yield swap("S-2", far={"settlement_date": "2026-11-24"})
    yield bond("B-1", accrued_amount="1.00")
    for n, side in enumerate(("BUY", "BUY", "SELL")):
        yield equity(
            f"P-{n}", side=side, price="400.00", executed_at=(NOW + timedelta(minutes=n)).isoformat()
        )


@pytest.fixture
def trades(db: None) -> list[int]:
    """Return captured trades of every product, with faults of many kinds."""
    world()
    bund()
    listed()
    return captured_ids(*_documents())


def _rows_of(trade_ids: list[int]) -> tuple[str, dict[str, Any]]:
    rows = [(trade_id, 1, None, None) for trade_id in trade_ids]
    return composed_statement(()), bound_to(rows, today=business_date(NOW))


def test_the_products_that_a_check_is_about_exist():
    named = {code for check in CHECKS.values() for code in check.products}
    assert named <= set(PRODUCTS)
    assert named >= {"BOND", "FX_SWAP"}


def test_each_check_alone_says_what_it_says_among_all(trades):
    versions = dict.fromkeys(trades, 1)
    alone = [
        (found.trade_id, found.code, found.subject, found.expected, found.actual)
        for check in CHECKS.values()
        for findings in findings_under(declared(check), versions, business_date(NOW)).values()
        for found in findings
    ]
    together = [
        (found["trade_id"], found["code"], found["subject"], found["expected"], found["actual"])
        for found in preview(trades, NOW)
        if found["code"] in CHECKS
    ]
    assert sorted(together) == sorted(alone)
    assert len({code for _, code, *_ in together}) > 15


def test_planned_once_it_says_what_it_says_freshly_planned(trades):
    statement, bound = _rows_of(trades)
    fresh = sql.rows(statement, bound)
    assert len(fresh) > len(trades) / 2
    for _ in range(2):
        assert sorted(map(repr, sql.planned_rows(statement, bound))) == sorted(map(repr, fresh))


def test_few_trades_are_checked_by_the_kept_plan_and_many_by_one_of_their_own(
    trades, django_assert_num_queries
):
    preview(trades[:1], NOW)  # from then on the plan is made, and the parameters are known
    with connection.execute_wrapper(_no_planning):
        preview(trades, NOW)
    many = captured_ids(*[equity(f"M-{n}", quantity=str(n + 1)) for n in range(PLANNED_ONCE + 1)])
    with django_assert_num_queries(5) as asked:
        preview(many, NOW)
    assert not any("EXECUTE" in each["sql"][:200] for each in asked.captured_queries)


def _no_planning(execute: Any, statement: str, *rest: Any) -> Any:
    assert not statement.startswith(("PREPARE", "\nWITH batch")), "the checks are planned again"
    return execute(statement, *rest)
