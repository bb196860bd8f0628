"""Standard costs: what a unit of an article costs us, by which orders are told what they earn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from refdata.kinds.base import INSTRUMENTS, Field, Kind, RowFault, currency_faults


class StandardCosts(Kind):
    """`instrument` is the code of goods or of a service, or a further identifier; `cost` what a unit costs, 0 or more.

    It holds for orders from `valid_from` on, until the next one of the article does.
    """

    code = "standard-costs"
    subject = "standard_cost"
    table = "refdata_standard_cost"
    joins = "JOIN refdata_instrument i ON i.id = t.instrument_id"
    key = ("instrument", "valid_from")
    fields = {
        "instrument": Field(str, "bigint", column="instrument_id", read="i.code", reference=INSTRUMENTS),
        "valid_from": Field(date, "date"),
        "cost": Field(Decimal, "numeric"),
        "currency": Field(str, "text"),
    }
    filters = {"instrument": "i.code = %s"}
    example = {"instrument": "US0378331005", "valid_from": "2026-01-01", "cost": "4.10", "currency": "USD"}

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        if row["cost"] < 0:
            yield RowFault("cost", "This must not be below zero.")
        yield from currency_faults("currency", row["currency"])


STANDARD_COSTS = StandardCosts()
