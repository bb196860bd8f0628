"""Confirmations, the last that came first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.ids import CONFIRMATION, TRADE, public_id
from ops.lists import _cells as cells
from ops.lists._paging import keyed
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console
from trades.models import Confirmation
from trades.products import PRODUCTS
from trades.selectors.confirmations import WantedConfirmations, page_of_confirmations

FILTERS = ("status", "party", "product", "days")
_LONGEST = 64
_DAYS_MAX = 3_650


def understood(given: Mapping[str, str]) -> dict[str, str]:
    """Return what of an address was understood; the rest filters nothing."""
    texts = {name: given.get(name, "").replace("\0", "").strip()[:_LONGEST] for name in FILTERS}
    days = texts["days"]
    known = {
        "status": texts["status"] in Confirmation.Status.values,
        "product": texts["product"] in PRODUCTS,
        "days": days.isascii() and days.isdigit() and len(days) < 6 and 0 < int(days) <= _DAYS_MAX,
    }
    return {name: text for name, text in texts.items() if text and known.get(name, True)}


def wanted_of(typed: Mapping[str, str]) -> WantedConfirmations:
    """Return which confirmations an address asks for, by what of it was understood."""
    texts = {name: typed.get(name, "") for name in ("status", "party", "product")}
    return WantedConfirmations(**texts, days=int(typed.get("days", 0)))


def _record(row: cells.Row, _: Context) -> SafeString:
    address = reverse("confirmation", args=[public_id(CONFIRMATION, row["id"])])
    return format_html(
        '<a class="code" data-row-link href="{}">{}</a> <span class="muted">v{}</span>',
        address,
        row["reference"],
        row["version"],
    )


def _stands(row: cells.Row, _: Context) -> str:
    return console.mark("CANCELLED_BY_BOTH" if row["status"] == "CANCELLED" else row["status"])


def _differs(row: cells.Row) -> str | None:
    apart = [console.words(each["field"]) for each in row["differences"] if not each["within"]]
    return ", ".join(apart) or None


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    wanted = wanted_of(understood(asked.parameters))
    return keyed(
        lambda before, limit: page_of_confirmations(wanted=wanted, now=asked.now, before=before, limit=limit),
        key=lambda row: int(row["id"]),
    )


CONFIRMATIONS = Listed(
    code="confirmations",
    title="confirmations",
    screen="confirmations",
    right=Right.READ_CONFIRMATIONS,
    columns=(
        Column("reference", "Reference", cells.Cell(lambda row: row["reference"], _record)),
        Column("stands", "Stands", cells.Cell(lambda row: row["status"], _stands)),
        Column("so_for", "So for", cells.age("changed_at", css="")),
        Column(
            "party",
            "Party",
            cells.Cell(
                lambda row: row["party"],
                lambda row, _: row["party"],
                "clip",
                lambda row: str(row["party_name"]),
            ),
        ),
        Column("product", "Product", cells.words("product", css="clip narrow"), spare=True),
        Column("we", "We", cells.told(lambda row: str(row["side"]).lower(), said=True)),
        Column("instrument", "Instrument", cells.text("instrument", css="code")),
        Column("quantity", "Quantity", cells.number("quantity")),
        Column("net_amount", "Net amount", cells.money("net_amount", "currency")),
        Column("currency", "Ccy", cells.text("currency")),
        Column("trade_date", "Trade date", cells.day("trade_date"), spare=True),
        Column("differs", "Differs", cells.told(_differs, css="clip")),
        Column("trade", "Trade", cells.link(TRADE, "trade_id", "trade")),
        Column("party_name", "Name of the party", cells.text("party_name", css="clip")),
        Column("came", "First came", cells.moment("opened_at"), zoned=True),
        Column("matched", "Matched", cells.moment("matched_at"), zoned=True),
    ),
    filters=FILTERS,
    pages=_pages,
    usual=lambda _: (
        "stands", "so_for", "party", "product", "we", "instrument", "quantity", "net_amount", "currency",
        "trade_date", "differs", "trade",
    ),
)  # fmt: skip
