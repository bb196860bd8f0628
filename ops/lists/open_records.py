"""What is unfinished in settlement, by whose move it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import ids
from core.money import exact_money, minor_units
from ops.lists import _cells as cells
from ops.lists._paging import keyed
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console
from settlement.models import CHANNELS
from settlement.moves.base import Mover
from settlement.moves.table import RULES
from settlement.open_records import AGES, Wanted, list_open

FILTERS = ("mover", "rule", "age", "channel", "party", "book", "value_date", "asset", "chase")
DUE = "due"  # what is to be chased by today
_LONGEST = 128


def read_wanted(given: Mapping[str, str]) -> tuple[Wanted, dict[str, str]]:
    """Return the filter of an address, and what of the address was understood; the rest filters nothing."""
    texts = {name: given.get(name, "").replace("\0", "").strip()[:_LONGEST] for name in FILTERS}
    known = {
        "mover": texts["mover"] in Mover.__members__,
        "rule": texts["rule"] in RULES,
        "age": texts["age"] in AGES,
        "channel": texts["channel"] in CHANNELS,
        "chase": texts["chase"] == DUE,
        "value_date": read_date(texts["value_date"]) is not None,
    }
    typed = {name: text for name, text in texts.items() if text and known.get(name, True)}
    wanted = Wanted(
        mover=Mover[typed["mover"]] if "mover" in typed else None,
        value_date=read_date(typed.get("value_date", "")),
        due="chase" in typed,
        **{name: typed.get(name, "") for name in ("rule", "age", "channel", "party", "book", "asset")},
    )
    return wanted, typed


def read_date(text: str) -> date | None:
    """Return the date that a text is, None where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def place_of(reference: str, trade_id: int | None) -> str:
    """Return the address of what a reference names; of what has no screen of its own, its trade's, else nothing."""
    prefix = reference.partition("_")[0]
    if prefix == ids.EXCEPTION:
        return reverse("exception", args=[reference])
    if prefix == ids.PROPOSAL:
        return reverse("approvals")
    if prefix == ids.BATCH:
        return reverse("batch", args=[reference])
    return "" if trade_id is None else reverse("trade", args=[ids.public_id(ids.TRADE, trade_id)])


def _record(row: cells.Row, _: Context) -> SafeString:
    place = place_of(row["reference"], row["trade_id"])
    if not place:
        return format_html('<span class="code">{}</span>', row["reference"])
    return format_html('<a class="code" data-row-link href="{}">{}</a>', place, row["reference"])


def _evidence(row: cells.Row, _: Context) -> SafeString:
    told = row["evidence"] or ""
    place = place_of(told, row["trade_id"])
    if not place:
        return format_html('<span class="code">{}</span>', told or console.NOTHING)
    return format_html('<a class="code" href="{}">{}</a>', place, told)


def _open(row: cells.Row) -> cells.Value:
    if not row["asset"] or row["quantity"] is None:
        return None
    is_currency = minor_units(row["asset"]) is not None
    return exact_money(row["quantity"], row["asset"]) if is_currency else row["quantity"]


def _open_shown(row: cells.Row, _: Context) -> str:
    return console.asset_quantity(row["quantity"], row["asset"]) if row["asset"] else console.NOTHING


def chased_shown(row: cells.Row, context: Context) -> SafeString | str:
    """Show when a record was chased last, and how often."""
    if row["chased_at"] is None:
        return console.NOTHING
    last = console.moment(context, row["chased_at"])
    return format_html('{} <span class="muted">{} ×</span>', last, row["chases"])


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    wanted, _ = read_wanted(asked.parameters)
    return keyed(
        lambda after, limit: list_open(wanted=wanted, now=asked.now, after=after, limit=limit),
        key=lambda row: tuple(row["at"]),
    )


OPEN_RECORDS = Listed(
    code="open_records",
    title="open records",
    screen="settlement",
    right=Right.READ_BATCHES,
    columns=(
        Column("record", "Record", cells.Cell(lambda row: row["reference"], _record)),
        Column(
            "move",
            "Whose move",
            cells.Cell(lambda row: row["mover"].name, lambda row, _: console.mover_mark(row["mover"].name)),
        ),
        Column("why", "Why", cells.text("title", css="clip broad", said=True)),
        Column("named", "Named, or reasons", cells.text("who", said=True), spare=True),
        Column("since", "Since", cells.moment("since"), zoned=True, spare=True),
        Column("age", "Age", cells.age("since", css="n")),
        Column("evidence", "Evidence", cells.Cell(lambda row: row["evidence"], _evidence), spare=True),
        Column("channel", "Channel", cells.text("channel"), spare=True),
        Column(
            "counterparty",
            "Counterparty",
            cells.Cell(
                lambda row: row["party"],
                lambda row, _: row["party"] or console.NOTHING,
                "clip",
                lambda row: str(row["party_name"] or ""),
            ),
        ),
        Column("value_date", "Value date", cells.day("value_date"), spare=True),
        Column("asset", "Asset", cells.text("asset", css="code")),
        Column("open", "Open", cells.Cell(_open, _open_shown, "n")),
        Column("chased", "Chased", cells.Cell(lambda row: row["chased_at"], chased_shown, "figure"), zoned=True),
        Column("chases", "Times chased", cells.number("chases"), spare=True),
        Column("chase_next", "Next chase", cells.day("chase_next"), spare=True),
        Column("next", "What comes next", cells.text("next", said=True), spare=True),
    ),
    filters=FILTERS,
    pages=_pages,
    usual=lambda _: (
        "move", "why", "named", "since", "age", "evidence", "channel", "counterparty", "value_date", "asset", "open",
        "chased", "next",
    ),
)  # fmt: skip
