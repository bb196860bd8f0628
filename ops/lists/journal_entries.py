"""Postings of journal entries, by the day on which they are booked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import ids
from core.wording import say
from ledger.accounts import Accounts
from ledger.rules import RULES
from ledger.selectors.journal import Which, list_by_day
from ops.lists import _cells as cells
from ops.lists._paging import keyed
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console

FILTERS = ("entity", "currency", "first", "last", "account", "trade")
_ACCOUNTS = frozenset(each.value for each in Accounts)


def which_of(typed: Mapping[str, str]) -> tuple[Which, str]:
    """Return what the journal is narrowed to by what was typed, and what is wrong with that."""
    (first, early), (last, late) = _day(typed.get("first", "")), _day(typed.get("last", ""))
    trade, account = typed.get("trade", ""), typed.get("account", "")
    which = Which(
        entity=typed.get("entity") or None,
        currency=typed.get("currency", "").upper() or None,
        account=account if account in _ACCOUNTS else None,
        trade_id=(ids.database_id(ids.TRADE, trade) or 0) if trade else None,
        first=first,
        last=last,
    )
    return which, early or late


def _day(text: str) -> tuple[date | None, str]:
    try:
        return (date.fromisoformat(text) if text else None), ""
    except ValueError:
        return None, "Write the day as 2026-11-23."


def postings_of(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each posting of entries, with what its entry says; `leads` on the first of each."""
    return [
        {**entry, **{f"line_{name}": value for name, value in line.items()}, "leads": place == 0}
        for entry in entries
        for place, line in enumerate(entry["postings"])
    ]


def _source(row: cells.Row) -> str:
    if row["run_day"]:
        return f"close of {row['run_day']}"
    return str(row["action"] or ids.public_id(ids.TRADE, row["source_id"]))


def _record(row: cells.Row, _: Context) -> SafeString:
    if row["action"]:
        shown = format_html('<span class="code">{}</span>', row["action"])
    elif row["run_day"]:
        shown = format_html(
            '<a {}href="{}?day={}">{}</a>',
            SafeString("data-row-link ") if row["leads"] else "",
            reverse("profit"),
            row["run_day"],
            _source(row),
        )
    else:
        shown = format_html(
            '<a class="code" {}href="{}">{}</a>',
            SafeString("data-row-link ") if row["leads"] else "",
            reverse("trade", args=[_source(row)]),
            _source(row),
        )
    return format_html('{} <span class="muted">v{}</span>', shown, row["version"])


def _rule_shown(row: cells.Row, _: Context) -> str:
    return format_html('{} <span class="muted">v{}</span>', console.words(row["rule"]), row["rule_version"])


def _stands(row: cells.Row) -> str:
    if row["reverses"]:
        return f"reverses {row['reverses']}"
    return f"reversed by {row['reversed_by']}" if row["reversed_by"] else "yes"


def _stands_shown(row: cells.Row, _: Context) -> str:
    return format_html('{} <span class="muted">#{}</span>', say(_stands(row)), row["id"])


def _side(field: str) -> cells.Cell:
    told = cells.money(field, "currency")
    return cells.Cell(
        lambda row: told.value(row) if row[field] else None,
        lambda row, context: told.show(row, context) if row[field] else console.NOTHING,
        "n",
    )


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    which, _ = which_of(asked.parameters)
    for entries in keyed(
        lambda after, limit: list_by_day(which=which, after=after, limit=limit),
        key=lambda row: (row["posting_date"], int(row["id"])),
    ):
        yield postings_of(entries)


JOURNAL_ENTRIES = Listed(
    code="journal_entries",
    title="journal entries",
    screen="journal_entries",
    right=Right.READ_JOURNAL,
    columns=(
        Column("comes_from", "Comes from", cells.Cell(_source, _record)),
        Column(
            "rule",
            "Rule",
            cells.Cell(lambda row: row["rule"], _rule_shown, "", lambda row: say(RULES[row["rule"]].title)),
        ),
        Column("booked", "Booked", cells.day("posting_date")),
        Column("about", "About", cells.day("effective_date")),
        Column("book", "Book", cells.text("book", css="code")),
        Column("account", "Account", cells.text("line_account", css="code")),
        Column("instrument", "Instrument", cells.text("line_instrument", css="code")),
        Column("debit", "Debit", _side("line_debit")),
        Column("credit", "Credit", _side("line_credit")),
        Column("currency", "Ccy", cells.text("currency")),
        Column("price", "Price", cells.price("line_price")),
        Column("lot", "Lot of", cells.link(ids.TRADE, "line_lot_trade_id", "trade")),
        Column("stands", "Stands", cells.Cell(_stands, _stands_shown)),
        Column("entry", "Entry", cells.number("id")),
        Column("entity", "Entity", cells.text("entity", css="code")),
        Column("recorded", "Recorded", cells.moment("recorded_at"), zoned=True),
    ),
    filters=FILTERS,
    pages=_pages,
    usual=lambda _: (
        "rule", "booked", "about", "book", "account", "instrument", "debit", "credit", "currency", "price", "lot",
        "stands",
    ),
)  # fmt: skip
