"""Margins: what orders for goods and services earn, by order, customer, article, product or book."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html

from core.clock import business_date
from core.wording import say
from ledger.selectors.margins import GROUPS, ORDERS, SORTS, Wanted, margins
from ops.lists import _cells as cells
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console
from ops.templatetags.console import query

BY = "customer"  # where nobody chose
SORT = "-revenue"
SPAN = timedelta(days=31)
SPAN_MAX = 366  # days
NARROWED = ("book", "customer", "article", "product")
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_TENTH = Decimal("0.1")


def group_of(parameters: Mapping[str, str]) -> str:
    """Return what the margins are told by."""
    by = parameters.get("by", "")
    return by if by in GROUPS else BY


def wanted_of(parameters: Mapping[str, str], today: date) -> tuple[Wanted, dict[str, str]]:
    """Return which orders a filter means, and what is wrong with its days: those of the last weeks hold instead."""
    faults: dict[str, str] = {}
    days: dict[str, date | None] = dict.fromkeys(("first", "last"))
    for name in days:
        try:
            days[name] = _day(parameters.get(name, ""))
        except ValueError:
            faults[name] = "Write the day as 2026-11-23."
    last = days["last"] or today
    first = days["first"] or last - SPAN
    if not faults and not 0 <= (last - first).days < SPAN_MAX:
        faults["first"] = f"From 1 to {SPAN_MAX} days end with the last one."
    if faults:
        first, last = today - SPAN, today
    only = {name: parameters.get(name, "") for name in NARROWED}
    if only["product"] not in ORDERS:
        only["product"] = ""
    return Wanted(first, last, **only), faults


def _day(text: str) -> date | None:
    found = date.fromisoformat(text) if text else None
    if found and not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(text)
    return found


def _name(row: cells.Row, context: Context) -> str:
    """Show the group; an order leads to its trade, any other to the orders behind it."""
    if row["name"] is None:
        return say("All of them")
    if not row["name"]:
        return say("not known")
    by = context["by"]
    if by == "order":
        return format_html(
            '<a class="code" data-row-link href="{}">{}</a> <span class="muted">v{}</span>',
            reverse("trade", args=[row["name"]]),
            row["name"],
            row["version"],
        )
    address = reverse("margins") + query(context["filtered"], **{"by": "order", by: row["name"]})
    return format_html('<a class="code" data-row-link href="{}">{}</a>', address, row["name"])


def _rate(row: cells.Row) -> Decimal | None:
    if row["margin"] is None or not row["revenue"]:
        return None
    return Decimal(row["margin"] * 100 / row["revenue"]).quantize(_TENTH, ROUND_HALF_EVEN)


def _flag(row: cells.Row) -> str | None:
    if row["missing_costs"] and row["missing_rates"]:
        return "COST_AND_RATE_MISSING"
    if row["missing_costs"]:
        return "COST_MISSING"
    return "RATE_MISSING" if row["missing_rates"] else None


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    wanted, _ = wanted_of(asked.parameters, business_date(asked.now))
    by = group_of(asked.parameters)
    yield margins(by=by, wanted=wanted, limit=asked.most + 1, sort=asked.sort or SORT)


MARGINS = Listed(
    code="margins",
    title="margins",
    screen="margins",
    right=Right.READ_PROFIT,
    columns=(
        Column("name", "Group", cells.Cell(lambda row: row["name"] or None, _name)),
        Column("orders", "Orders", cells.number("orders"), sort="orders"),
        Column("lines", "Lines", cells.number("lines")),
        Column("revenue", "Revenue", cells.base_money("revenue"), sort="revenue", base=True),
        Column("cost", "Cost", cells.base_money("cost"), sort="cost", base=True),
        Column(
            "margin",
            "Margin",
            cells.Cell(
                cells.base_money("margin").value, lambda row, _: str(console.profit(row["margin"])), "n"
            ),
            sort="margin",
            base=True,
        ),
        Column(
            "rate",
            "Margin in %",
            cells.Cell(
                _rate, lambda row, _: console.NOTHING if (rate := _rate(row)) is None else f"{rate}", "n"
            ),
        ),
        Column("missing_costs", "Lines without a cost", cells.number("missing_costs"), sort="missing_costs"),
        Column("missing_rates", "Lines without a rate", cells.number("missing_rates"), spare=True),
        Column(
            "flag",
            "Flag",
            cells.Cell(_flag, lambda row, _: console.mark(flag) if (flag := _flag(row)) else console.NOTHING),
        ),
    ),
    filters=("by", "first", "last", *NARROWED),
    pages=_pages,
    sorts=SORTS,
    usual=lambda _: ("orders", "lines", "revenue", "cost", "margin", "rate", "missing_costs", "flag"),
    api=dict,
)
