"""Trades, as the blotter lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.ids import TRADE, public_id
from ops.lists import _cells as cells
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console
from trades.lifecycle import State
from trades.selectors import blotter
from trades.selectors.filters import NAMES, read_filter


def _reference(row: cells.Row) -> str:
    return public_id(TRADE, row["trade_id"])


def _record(row: cells.Row, _: Context) -> SafeString:
    reference = _reference(row)
    found = format_html(
        '<a class="code" data-row-link data-peek="{}" href="{}">{}</a>',
        reverse("trade_peek", args=[reference]),
        reverse("trade", args=[reference]),
        reference,
    )
    if row["version"] > 1:
        found += format_html(' <span class="muted" title="Version">v{}</span>', row["version"])
    if row["block_id"]:
        block = public_id(TRADE, row["block_id"])
        found += format_html(
            ' <a class="code muted" href="{}" title="Part of {}">part</a>',
            reverse("trade", args=[block]),
            block,
        )
    return found


def _instrument(row: cells.Row) -> cells.Value:
    if row["contra_currency"]:
        return f"{row['currency']}/{row['contra_currency']}"
    return row["instrument_name"] or row["instrument_ref"] or None


def _counterparty(row: cells.Row, _: Context) -> str:
    if row["counterparty_code"]:
        return str(row["counterparty_name"])
    return format_html('<span class="unknown">{}</span>', row["counterparty_ref"])


def _api(filtered: Mapping[str, str]) -> dict[str, str]:
    return {**filtered, "status": filtered.get("status", "").upper()}


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    wanted, _ = read_filter(asked.parameters)
    sort = asked.sort or usual_sort(asked.parameters)
    # An amendment may change a trade's date: between two statements it would be passed over, or read twice.
    size = asked.most + 1 if sort.endswith("trade_date") and not asked.steady else _AT_ONCE
    patience = _PATIENCE_MS if asked.steady else blotter.TIMEOUT_MS
    after: blotter.Key | None = None
    while True:
        page = blotter.page(wanted, sort=sort, size=size, after=after, patience_ms=patience)
        yield page.rows
        if page.more:
            last = page.rows[-1]
            after = blotter.Key(last["trade_id"], last["trade_date"])
        elif page.searched_to is not None:
            after = blotter.Key(page.searched_to)
        else:
            return


def usual_sort(parameters: Mapping[str, str]) -> str:
    """Return the order of trades where nobody chose one: the latest first."""
    return "-trade_date" if parameters.get("from") or parameters.get("to") else "-captured"


_AT_ONCE = 1_000
_PATIENCE_MS = 60_000  # of a statement that nobody sits before

TRADES = Listed(
    code="trades",
    title="trades",
    screen="blotter",
    right=Right.READ_TRADES,
    columns=(
        Column("trade", "Trade", cells.Cell(_reference, _record), sort="captured"),
        Column(
            "status",
            "Status",
            cells.Cell(lambda row: State(row["state"]).name, lambda row, _: console.trade_state(row["state"])),
        ),
        Column("side", "Side", cells.told(lambda row: str(row["side"]).lower(), said=True)),
        Column("product", "Product", cells.words("product")),
        Column(
            "instrument",
            "Instrument",
            cells.Cell(
                _instrument,
                lambda row, _: str(_instrument(row) or console.NOTHING),
                "clip",
                lambda row: f"{row['instrument_ref'] or ''} {row['instrument_name'] or ''}",
            ),
        ),
        Column("quantity", "Quantity", cells.number("quantity")),
        Column("price", "Price", cells.price("price")),
        Column("currency", "Ccy", cells.text("currency")),
        Column("net_amount", "Net amount", cells.money("net_amount", "currency")),
        Column(
            "counterparty",
            "Counterparty",
            cells.Cell(
                lambda row: row["counterparty_name"] if row["counterparty_code"] else row["counterparty_ref"],
                _counterparty,
                "clip",
                lambda row: str(row["counterparty_name"] or row["counterparty_ref"]),
            ),
        ),
        Column("book", "Book", cells.text("book_ref", css="clip narrow")),
        Column("trade_date", "Trade date", cells.day("trade_date"), sort="trade_date"),
        Column("settles", "Settles", cells.day("settlement_date")),
        Column("source", "Source", cells.text("source")),
        Column("source_ref", "Reference", cells.text("source_ref", css="code clip")),
        Column("recorded", "Recorded", cells.moment("recorded_at"), zoned=True),
        Column("trader", "Trader", cells.text("trader")),
        Column("counterparty_code", "Counterparty code", cells.text("counterparty_ref", css="code")),
        Column("contra_currency", "Contra ccy", cells.text("contra_currency")),
        Column("contra_amount", "Contra amount", cells.money("contra_amount", "contra_currency")),
    ),
    filters=NAMES,
    pages=_pages,
    sorts=blotter.SORTS,
    # As many as a window of 1440 pixels has room for.
    usual=lambda _: (
        "status", "side", "product", "instrument", "quantity", "price", "currency", "net_amount", "counterparty",
        "book", "trade_date", "settles",
    ),
    api=_api,
)  # fmt: skip
