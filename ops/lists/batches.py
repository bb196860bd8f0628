"""Sealed batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.ids import BATCH, public_id
from ops import selectors
from ops.lists import _cells as cells
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console
from settlement.channel_codes import channel_codes
from settlement.selectors import BATCH_STANDINGS


def _record(row: cells.Row, _: Context) -> SafeString:
    reference = public_id(BATCH, row["id"])
    return format_html(
        '<a class="code" data-row-link href="{}">{}</a>', reverse("batch", args=[reference]), reference
    )


def _rejected(row: cells.Row, _: Context) -> str:
    shown = console.number(row["rejected"])
    return format_html("<strong>{}</strong>", shown) if row["rejected"] else shown


def _claimed(row: cells.Row, context: Context) -> str:
    if row["client_name"]:
        until = console.moment(context, row["expires_at"], "clock")
        return format_html('{} <span class="muted">until {}</span>', row["client_name"], until)
    return SafeString('<span class="muted">ended</span>') if row["claimed_at"] else console.NOTHING


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    given = asked.parameters
    view, channel = given.get("view", ""), given.get("channel", "")
    return selectors.all_batches(
        view=view if view in selectors.BATCH_VIEWS else "all",
        channel=channel if channel in channel_codes() else "",
        value_date=_date(given.get("value_date", "")),
        now=asked.now,
        most=asked.most + 1,
    )


def _api(filtered: Mapping[str, str]) -> dict[str, str]:
    channel, value_date = filtered.get("channel", ""), filtered.get("value_date", "")
    standing = filtered.get("view", "")
    return {
        "channel": channel if channel in channel_codes() else "",
        "value_date": value_date if _date(value_date) else "",
        "standing": standing if standing in BATCH_STANDINGS else "",
    }


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


BATCHES = Listed(
    code="batches",
    title="batches",
    screen="batches",
    right=Right.READ_BATCHES,
    columns=(
        Column("batch", "Batch", cells.Cell(lambda row: public_id(BATCH, row["id"]), _record)),
        Column("state", "State", cells.mark("status")),
        Column("channel", "Channel", cells.text("channel")),
        Column("sequence", "Seq", cells.number("sequence")),
        Column("value_date", "Value date", cells.day("value_date")),
        Column("instructions", "Instructions", cells.number("instruction_count")),
        Column("accepted", "Accepted", cells.number("accepted")),
        Column("rejected", "Rejected", cells.Cell(lambda row: row["rejected"], _rejected, "n")),
        Column("settled", "Settled", cells.number("settled")),
        Column("trades", "Trades", cells.number("trade_count")),
        Column("claimed_by", "Claimed by", cells.Cell(lambda row: row["client_name"], _claimed)),
        Column("sealed", "Sealed", cells.moment("sealed_at"), zoned=True),
        Column("sealed_by", "By", cells.who("sealed_by")),
        Column(
            "sha256",
            "SHA-256",
            cells.Cell(
                lambda row: row["sha256"],
                lambda row, _: row["sha256"][:12],
                "code",
                lambda row: str(row["sha256"]),
            ),
        ),
    ),
    filters=("view", "channel", "value_date"),
    pages=_pages,
    api=_api,
    api_path="settlement-batches",
)
