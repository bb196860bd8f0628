"""Close prices of instruments; for goods, the list price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from refdata.kinds.base import INSTRUMENTS, Field, Kind, RowFault, currency_faults


class ClosePrices(Kind):
    """`instrument` is a code or a further identifier."""

    code = "close-prices"
    subject = "close-price"
    table = "refdata_close_price"
    joins = "JOIN refdata_instrument i ON i.id = t.instrument_id"
    key = ("instrument", "date")
    fields = {
        "instrument": Field(str, "bigint", column="instrument_id", read="i.code", reference=INSTRUMENTS),
        "date": Field(date, "date"),
        "price": Field(Decimal, "numeric"),
        "currency": Field(str, "text"),
    }
    filters = {"instrument": "i.code = %s", "date": "t.date = %s::date"}
    example = {
        "instrument": "US0378331005",
        "date": "2026-11-20",
        "price": "187.25",
        "currency": "USD",
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        if row["price"] <= 0:
            yield RowFault("price", "This must be above zero.")
        yield from currency_faults("currency", row["currency"])


CLOSE_PRICES = ClosePrices()
