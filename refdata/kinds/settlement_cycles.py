"""Settlement cycles: how many business days after the trade a product settles, by market."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from core.money import is_currency
from refdata.calendars import pair
from refdata.cycles import ANY_MARKET, DAYS_MAX
from refdata.identifiers import is_mic
from refdata.kinds._validity import find_overlaps, range_faults
from refdata.kinds.base import Field, Kind, Plan, RowFault

_PRODUCT = re.compile(r"[A-Z][A-Z_]{0,39}")


class SettlementCycles(Kind):
    """`market` is a MIC, a currency, a pair of currencies such as `CAD/USD`, or `*`; `days` counts business days.

    The most specific row that holds on the trade date wins: the market, then the currency or pair, then `*`.
    """

    code = "settlement-cycles"
    subject = "settlement_cycle"
    table = "refdata_settlement_cycle"
    key = ("product", "market", "valid_from")
    fields = {
        "product": Field(str, "text"),
        "market": Field(str, "text"),
        "days": Field(int, "smallint"),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"product": "t.product = %s", "market": "t.market = %s"}
    example = {
        "product": "EQUITY",
        "market": "XBOM",
        "days": 1,
        "valid_from": "2023-01-27",
        "valid_to": None,
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        if not _PRODUCT.fullmatch(row["product"]):
            yield RowFault("product", "The code of a product, such as EQUITY.")
        yield from _market_faults(row["market"])
        if not 0 <= row["days"] <= DAYS_MAX:
            yield RowFault("days", f"Business days, from 0 to {DAYS_MAX}.")
        yield from range_faults(row)

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        find_overlaps(self, plans)


def _market_faults(market: str) -> Iterator[RowFault]:
    one, slash, other = market.partition("/")
    if slash and is_currency(one) and is_currency(other) and one != other:
        if market != pair(one, other):
            yield RowFault("market", f"Write the pair in the order of the alphabet: {pair(one, other)}.")
    elif market != ANY_MARKET and not is_currency(market) and not is_mic(market):
        yield RowFault("market", "A MIC (ISO 10383), a currency, a pair such as CAD/USD, or * for every one.")


SETTLEMENT_CYCLES = SettlementCycles()
