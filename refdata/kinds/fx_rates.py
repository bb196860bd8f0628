"""FX rates to the base currency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings

from refdata.kinds.base import Field, Kind, RowFault, currency_faults

RATE_MAX = 1_000_000_000


class FxRates(Kind):
    """`rate` is base currency per one unit of `currency`."""

    code = "fx-rates"
    subject = "fx-rate"
    table = "refdata_fx_rate"
    key = ("currency", "date")
    figure = "rate"
    fields = {
        "currency": Field(str, "text"),
        "date": Field(date, "date"),
        "rate": Field(Decimal, "numeric"),
    }
    filters = {"currency": "t.currency = %s", "date": "t.date = %s::date"}
    example = {"currency": "USD", "date": "2026-11-20", "rate": "0.8612"}

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from currency_faults("currency", row["currency"])
        if row["currency"] == settings.BASE_CURRENCY:
            yield RowFault("currency", "The base currency's rate is always 1.")
        if not 0 < row["rate"] <= RATE_MAX:
            yield RowFault("rate", f"This must be above zero and at most {RATE_MAX:,}.")


FX_RATES = FxRates()
