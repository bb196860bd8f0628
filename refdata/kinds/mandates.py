"""Mandates: what a trader may deal in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from refdata.identifiers import is_mic
from refdata.kinds.base import Field, Kind, RowFault

ANY = "*"
_TENOR_MAX = 36_525  # a century: beyond it, say that any tenor will do


class Mandates(Kind):
    """A trader, product, book or market of `*` is every one. `max_tenor_days` counts calendar days, empty: any.

    Once a mandate is in force, every trade must lie within one: load all of them together.
    """

    code = "mandates"
    subject = "mandate"
    table = "refdata_mandate"
    key = ("trader", "product", "book", "market", "valid_from")
    fields = {
        "trader": Field(str, "text"),
        "product": Field(str, "text"),
        "book": Field(str, "text"),
        "market": Field(str, "text"),
        "max_tenor_days": Field(int, "integer", default=None),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"trader": "t.trader = %s", "product": "t.product = %s", "book": "t.book = %s"}
    example = {
        "trader": "jdoe",
        "product": "EQUITY",
        "book": "EQ-US",
        "market": "*",
        "max_tenor_days": 5,
        "valid_from": "2026-01-01",
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        if row["market"] != ANY and not is_mic(row["market"]):
            yield RowFault("market", "A MIC (ISO 10383), or * for every market.")
        if row["max_tenor_days"] is not None and not 0 <= row["max_tenor_days"] <= _TENOR_MAX:
            yield RowFault("max_tenor_days", f"Calendar days, from 0 to {_TENOR_MAX:,}.")
        if row["valid_to"] is not None and row["valid_to"] < row["valid_from"]:
            yield RowFault("valid_to", "The last day comes before the first.")


MANDATES = Mandates()
