"""Breaks of every reconciliation, the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.ids import BREAK, public_id
from ledger.selectors.reconciliations import page_of_breaks
from ops.lists import _cells as cells
from ops.lists._paging import keyed
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console

VIEWS = ("open", "closed")


def _record(row: cells.Row, _: Context) -> SafeString:
    reference = public_id(BREAK, row["id"])
    return format_html(
        '<a class="code" data-row-link href="{}">{}</a>', reverse("break", args=[reference]), reference
    )


def _of(row: cells.Row, _: Context) -> SafeString:
    return format_html(
        '<a class="code" href="{}">{}</a>', reverse("reconciliation", args=[row["code"]]), row["code"]
    )


def _what(row: cells.Row, _: Context) -> SafeString:
    again = console.mark("REOPENED") if row["reopened_because"] else ""
    return format_html("{} {}", console.mark(row["outcome"]), again)


def _differs(row: cells.Row) -> str | None:
    return ", ".join(console.words(each["field"]) for each in row["differences"]) or None


def _since(row: Mapping[str, Any]) -> Any:
    return row["reopened_at"] or row["opened_at"]


def wanted_of(given: Mapping[str, str]) -> tuple[str, str]:
    """Return which breaks an address asks for: one of VIEWS, and the code of a reconciliation, empty for all."""
    view = given.get("view", "")
    code = given.get("reconciliation", "").replace("\0", "").strip()[:64]
    return (view if view in VIEWS else VIEWS[0]), code


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    view, code = wanted_of(asked.parameters)
    return keyed(
        lambda before, limit: page_of_breaks(code=code, is_open=view == "open", before=before, limit=limit),
        key=lambda row: int(row["id"]),
    )


BREAKS = Listed(
    code="breaks",
    title="breaks",
    screen="breaks",
    right=Right.READ_RECONCILIATIONS,
    columns=(
        Column("break", "Break", cells.Cell(lambda row: public_id(BREAK, row["id"]), _record)),
        Column("of", "Reconciliation", cells.Cell(lambda row: row["code"], _of)),
        Column("what", "What", cells.Cell(lambda row: row["outcome"], _what)),
        Column("day", "Day", cells.day("business_date")),
        Column("differs", "Differs in", cells.told(_differs, css="clip broad")),
        Column("about", "About", cells.price("amount")),
        Column("unit", "Unit", cells.text("unit")),
        Column("at_risk", "At risk", cells.base_money("base_amount"), base=True),
        Column(
            "open_for",
            "Open for",
            cells.Cell(_since, lambda row, context: console.age(context, _since(row)), "figure"),
        ),
        Column("opened", "Found", cells.moment("opened_at"), zoned=True),
        Column("closed", "Closed", cells.moment("closed_at"), zoned=True),
    ),
    filters=("view", "reconciliation"),
    pages=_pages,
    usual=lambda given: (
        ("of", "what", "day", "differs", "about", "unit", "at_risk", "opened", "closed")
        if given.get("view") == "closed"
        else ("of", "what", "day", "differs", "about", "unit", "at_risk", "open_for")
    ),
)
