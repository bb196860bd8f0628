"""SSIs of parties, by what they are for, the latest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from core.clock import business_date
from ops.lists import _cells as cells
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console
from refdata.lists import list_ssis

_ANY = "*"
_PLACE = ("book", "product", "market", "currency")
_WHERE = ("account", "agent_bic", "place_of_settlement", "delivery_address")


def _record(row: cells.Row, context: Context) -> SafeString:
    # Of one party the rows lead to their change.
    follow = "" if context.get("party") else SafeString("data-row-link ")
    address = f"{reverse('ssis')}?{urlencode({'party': row['party']})}"
    return format_html('<a class="code" {}href="{}">{}</a>', follow, address, row["party"])


def _only_for(row: cells.Row) -> str | None:
    told = [f"{name} {row[name]}" for name in _PLACE if row[name] != _ANY]
    return ", ".join(told) or None


def _only_for_shown(row: cells.Row, _: Context) -> str:
    if _only_for(row) is None:
        return console.NOTHING
    return format_html_join(
        " ",
        '<span class="muted">{}</span> {}',
        (
            (name, console.words(row[name]) if name == "product" else row[name])
            for name in _PLACE
            if row[name] != _ANY
        ),
    )


def _settles_at(row: Mapping[str, Any]) -> str:
    return " ".join(row[name] for name in _WHERE if row[name])


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    yield list_ssis(party=asked.parameters.get("party", ""), on=business_date(asked.now), most=asked.most + 1)


SSIS = Listed(
    code="ssis",
    title="SSIs",
    screen="ssis",
    right=Right.READ_SSIS,
    columns=(
        Column("party", "Party", cells.Cell(lambda row: row["party"], _record)),
        Column("name", "Name", cells.text("party_name", css="clip")),
        Column("for", "For", cells.words("kind")),
        Column("key", "Key", cells.text("key", css="code")),
        Column("only_for", "Only for", cells.Cell(_only_for, _only_for_shown)),
        Column("settles_at", "Settles at", cells.told(_settles_at, css="clip broad figure")),
        Column("state", "State", cells.mark("state")),
        Column("from", "From", cells.day("valid_from")),
        Column("to", "To", cells.day("valid_to")),
        Column("account", "Account", cells.text("account", css="code")),
        Column("agent", "Agent", cells.text("agent_bic", css="code")),
        Column("place", "Place of settlement", cells.text("place_of_settlement", css="code")),
        Column("address", "Delivered to", cells.text("delivery_address", css="clip")),
    ),
    filters=("party",),
    pages=_pages,
    usual=lambda _: (
        "name", "for", "key", "only_for", "settles_at", "state", "from", "to",
    ),
)  # fmt: skip
