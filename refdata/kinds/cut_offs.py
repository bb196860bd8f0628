"""Cut-offs: until when what is due leaves by a channel, by market and currency."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.money import is_currency
from refdata.identifiers import is_mic
from refdata.kinds._validity import find_overlaps, range_faults
from refdata.kinds.base import Field, Kind, Plan, RowFault, one_of
from refdata.models import ANY, CutOff

_LEAD_MAX = 30
_MINUTES = re.compile(r"[0-9]{2}:[0-9]{2}")


class CutOffs(Kind):
    """`market` is a MIC or `*`, `currency` that of a payment or of the security, or `*`; `time` is local to `zone`.

    The most specific row that holds on the value date wins: market and currency, the market, the currency, then
    `*`; the channel's own cut-off where none does. Payments net over markets and go by currency alone, goods by
    neither. `lead_days` counts the firm's business days before the value date.
    """

    code = "cut-offs"
    subject = "cut_off"
    table = "refdata_cut_off"
    key = ("channel", "market", "currency", "valid_from")
    fields = {
        "channel": Field(str, "text"),
        "market": Field(str, "text"),
        "currency": Field(str, "text"),
        "zone": Field(str, "text"),
        "time": Field(time, "time"),
        "lead_days": Field(int, "smallint", default=0),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"channel": "t.channel = %s", "market": "t.market = %s", "currency": "t.currency = %s"}
    example = {
        "channel": "CASH",
        "market": "*",
        "currency": "JPY",
        "zone": "Asia/Tokyo",
        "time": "15:00:00",
        "lead_days": 1,
        "valid_from": "2026-01-01",
        "valid_to": None,
    }

    def prepare(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Read 16:30 as 16:30:00."""
        at = raw.get("time")
        return {**raw, "time": f"{at}:00"} if isinstance(at, str) and _MINUTES.fullmatch(at) else raw

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from one_of("channel", row["channel"], CutOff.Channel.values)
        yield from _place_faults(row)
        if not is_zone(row["zone"]):
            yield RowFault("zone", "An IANA zone, such as Europe/London.", "unknown")
        if row["time"].tzinfo is not None or row["time"].microsecond:
            yield RowFault("time", "A local time in whole seconds, such as 16:30:00.")
        if not 0 <= row["lead_days"] <= _LEAD_MAX:
            yield RowFault("lead_days", f"Business days, from 0 to {_LEAD_MAX}.")
        yield from range_faults(row)

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        find_overlaps(self, plans)


def is_zone(name: str) -> bool:
    """Tell whether the time zone database has a zone of a name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _place_faults(row: Mapping[str, Any]) -> Iterator[RowFault]:
    channel, market, currency = row["channel"], row["market"], row["currency"]
    if market != ANY and channel != CutOff.Channel.SECURITIES:
        yield RowFault("market", "Only deliveries of securities have a market: use *.")
    elif market != ANY and not is_mic(market):
        yield RowFault("market", "A MIC (ISO 10383), or * for every market.")
    if currency != ANY and channel == CutOff.Channel.GOODS:
        yield RowFault("currency", "Deliveries of goods have no currency: use *.")
    elif currency != ANY and not is_currency(currency):
        yield RowFault("currency", "A currency (ISO 4217), or * for every one.", "unknown")


CUT_OFFS = CutOffs()
