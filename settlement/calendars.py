"""Reads of holidays, settlement cycles, cut-offs and channels, by calendar, product or channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from core import sql
from core.money import format_number
from refdata.services import KINDS
from settlement.models import CHANNELS as SETTLED
from settlement.models import Channel

CHANNELS = "channels"
# The field that tells rows of a kind apart, and the order in which they are shown: what is latest first.
_SHOWN: Mapping[str, tuple[str, str]] = {
    "holidays": ("calendar", "t.date DESC, t.calendar"),
    "settlement-cycles": ("product", "t.product, t.market, t.valid_from DESC"),
    "cut-offs": ("channel", "t.channel, t.market, t.currency, t.valid_from DESC"),
}
_CHANNEL_FIELDS = ("cut_off_zone", "cut_off_time", "lead_days", "release_from", "hold_release_from")


def list_calendar(*, kind: str, of: str, most: int) -> list[tuple[int, dict[str, Any]]]:
    """Return rows of a kind with their numbers, values as text: of one calendar, product or channel, or all (empty)."""
    if kind == CHANNELS:
        found = Channel.objects.filter(code__in=SETTLED).order_by("code").values("code", *_CHANNEL_FIELDS)
        rows = [(at, {"channel": each.pop("code"), **each}) for at, each in enumerate(found, start=1)]
        return [(at, _texts(row)) for at, row in rows if of in ("", row["channel"])][:most]
    declared, (name, order) = KINDS[kind], _SHOWN[kind]
    listed = sql.rows(
        f"{declared.select} WHERE %(of)s IN ('', t.{name}) ORDER BY {order} LIMIT %(most)s",
        {"of": of, "most": most},
    )
    return [(row[0], _texts(declared.as_row(row))) for row in listed]


def stored_row(*, kind: str, number: str) -> dict[str, Any]:
    """Return the row of a number as it is listed; nothing where there is none."""
    if not number.isascii() or not number.isdecimal() or len(number) > 18:
        return {}
    if kind == CHANNELS:
        return dict(list_calendar(kind=kind, of="", most=100)).get(int(number), {})
    found = KINDS[kind].stored([int(number)]).get(int(number))
    return {} if found is None else _texts(found)


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, date | time):
        return value.isoformat()
    return value if isinstance(value, str) else str(format_number(value))
