"""Close prices of instruments; for goods, the list price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from refdata.kinds.base import INSTRUMENTS, Field, Kind, RowFault, currency_faults


class ClosePrices(Kind):
    """`instrument` is a code or a further identifier; `low` and `high` the range of that day's dealing, if known."""

    code = "close-prices"
    subject = "close-price"
    table = "refdata_close_price"
    joins = "JOIN refdata_instrument i ON i.id = t.instrument_id"
    key = ("instrument", "date")
    figure = "price"
    fields = {
        "instrument": Field(str, "bigint", column="instrument_id", read="i.code", reference=INSTRUMENTS),
        "date": Field(date, "date"),
        "price": Field(Decimal, "numeric"),
        "currency": Field(str, "text"),
        "low": Field(Decimal, "numeric", default=None),
        "high": Field(Decimal, "numeric", default=None),
    }
    filters = {"instrument": "i.code = %s", "date": "t.date = %s::date"}
    example = {
        "instrument": "US0378331005",
        "date": "2026-11-20",
        "price": "187.25",
        "currency": "USD",
        "low": "186.10",
        "high": "188.94",
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        if row["price"] <= 0:
            yield RowFault("price", "This must be above zero.")
        yield from currency_faults("currency", row["currency"])
        low, high = row["low"], row["high"]
        if (low is None) != (high is None):
            yield RowFault("low" if low is None else "high", "A range has both of its ends.", "missing")
        elif low is not None and not 0 < low <= high:
            yield RowFault("low", "The range starts above zero and not above its high.")


CLOSE_PRICES = ClosePrices()
