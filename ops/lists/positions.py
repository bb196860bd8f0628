"""Positions by book, instrument (cash first) and currency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from core.money import exact_money
from core.wording import say
from ledger.selectors.positions import Place, Which, list_positions
from ops.lists import _cells as cells
from ops.lists._paging import keyed
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console

FILTERS = ("book", "instrument", "currency", "party", "on")
CASH = "cash"


def which_of(typed: Mapping[str, str]) -> Which:
    """Return which positions an address asks for. instrument: a code, or `cash`."""
    instrument = typed.get("instrument", "")
    return Which(
        book=typed.get("book") or None,
        instrument="" if instrument.lower() == CASH else instrument or None,
        currency=typed.get("currency", "").upper() or None,
        party=typed.get("party") or None,
    )


def place_of(row: Mapping[str, Any]) -> Place:
    """Return the place of a position in the order of the list."""
    return row["book_id"], row["instrument_id"], row["currency"], 0


def _record(row: cells.Row, context: Context) -> SafeString:
    on = (context.get("typed") or {}).get("on", "")
    given = {"on": on, "instrument": row["instrument"] or ""}
    kept = urlencode({name: text for name, text in given.items() if text})
    address = reverse("position", args=[row["book"], row["currency"]])
    return format_html(
        '<a class="code" data-row-link href="{}{}">{}<span class="hidden"> {} {}</span></a>',
        address,
        f"?{kept}" if kept else "",
        row["book"],
        row["instrument"] or CASH,
        row["currency"],
    )


def _open(row: cells.Row) -> Decimal:
    return Decimal(row["traded"] - row["settled"])


def _amount(read: Any) -> cells.Cell:
    """Tell an amount of cash in its currency, and a quantity as it is."""

    def value(row: cells.Row) -> Decimal:
        return Decimal(read(row)) if row["instrument"] else exact_money(read(row), row["currency"])

    def shown(row: cells.Row, _: Context) -> str:
        return console.number(read(row)) if row["instrument"] else console.money(read(row), row["currency"])

    return cells.Cell(value, shown, "n")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    which, on = which_of(asked.parameters), _day(asked.parameters.get("on", ""))
    return keyed(
        lambda after, limit: list_positions(which=which, on=on, after=after, limit=limit), key=place_of
    )


POSITIONS = Listed(
    code="positions",
    title="positions",
    screen="positions",
    right=Right.READ_POSITIONS,
    columns=(
        Column("book", "Book", cells.Cell(lambda row: row["book"], _record)),
        Column(
            "instrument", "Instrument", cells.told(lambda row: row["instrument"] or say(CASH), css="code")
        ),
        Column("name", "Name", cells.text("instrument_name", css="clip")),
        Column("currency", "Ccy", cells.text("currency")),
        Column("traded", "Traded", _amount(lambda row: row["traded"])),
        Column("settled", "Settled", _amount(lambda row: row["settled"])),
        Column("to_settle", "To settle", _amount(_open)),
    ),
    filters=FILTERS,
    pages=_pages,
)
