"""The columns of journal entries: a row for each posting, which leads to the trade once for an entry."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.template import Context

from core.ids import TRADE, public_id
from ops.lists.journal_entries import JOURNAL_ENTRIES, postings_of, which_of

ENTRY: dict[str, Any] = {
    "id": 9,
    "action": None,
    "run_day": None,
    "source_id": 7,
    "version": 2,
    "currency": "USD",
    "reverses": None,
    "reversed_by": None,
    "postings": [
        {"account": "CASH", "debit": Decimal("1.5"), "credit": Decimal(0)},
        {"account": "PAYABLE", "debit": Decimal(0), "credit": Decimal("1.5")},
    ],
}


def test_each_posting_has_its_side_and_the_first_leads_to_the_trade() -> None:
    first, second = postings_of([ENTRY])
    debit, credit = (JOURNAL_ENTRIES.by_code[code].cell for code in ("debit", "credit"))
    assert [(debit.value(row), credit.value(row)) for row in (first, second)] == [
        (Decimal("1.50"), None),
        (None, Decimal("1.50")),
    ]
    assert [debit.show(row, Context()) for row in (first, second)] == ["1.50", "—"]
    shown = JOURNAL_ENTRIES.columns[0].cell.show
    assert f'data-row-link href="/trades/{public_id(TRADE, 7)}"' in shown(first, Context())
    assert "data-row-link" not in shown(second, Context())
    valued = shown({**first, "run_day": date(2026, 11, 20)}, Context())
    assert 'href="/profit?day=2026-11-20">close of 2026-11-20<' in valued


def test_what_reverses_or_is_reversed_says_by_which() -> None:
    cell = JOURNAL_ENTRIES.by_code["stands"].cell
    told = [cell.value({**ENTRY, **how}) for how in ({}, {"reverses": 3}, {"reversed_by": 12})]
    assert told == ["yes", "reverses 3", "reversed by 12"]


def test_a_day_that_is_none_is_a_fault() -> None:
    assert which_of({"first": "soon"})[1] == "Write the day as 2026-11-23."
    assert which_of({"account": "NONSENSE", "trade": "x"})[0].trade_id == 0
