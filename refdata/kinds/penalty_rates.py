"""Penalty rates: what a settlement that fails costs a business day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from core.money import is_currency
from refdata.kinds._validity import find_overlaps, range_faults
from refdata.kinds.base import Field, Kind, Plan, RowFault, one_of
from refdata.models import ANY, Instrument, PenaltyRate

_BASIS_POINTS_END = 10_000


class PenaltyRates(Kind):
    """`asset_class` is `CASH` or a product class; `liquidity` that of the instrument, `currency` that of the cash.

    `basis_points` are charged for each business day, as the discount rates and penalty rates of the CSDR are
    (Regulation (EU) 909/2014): of the money, or of what failed at its close price. `*` stands for every liquidity or
    currency; the row that names one goes before it. `source` says where the rate is published.
    """

    code = "penalty-rates"
    subject = "penalty_rate"
    table = "refdata_penalty_rate"
    key = ("asset_class", "liquidity", "currency", "valid_from")
    fields = {
        "asset_class": Field(str, "text"),
        "liquidity": Field(str, "text"),
        "currency": Field(str, "text"),
        "basis_points": Field(Decimal, "numeric", digits=(4, 6)),
        "source": Field(str, "text"),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"asset_class": "t.asset_class = %s", "currency": "t.currency = %s"}
    example = {
        "asset_class": "EQUITY",
        "liquidity": "HIGH",
        "currency": "*",
        "basis_points": "1.0",
        "source": "Delegated Regulation (EU) 2017/389, annex",
        "valid_from": "2022-02-01",
        "valid_to": None,
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from one_of("asset_class", row["asset_class"], PenaltyRate.classes())
        yield from one_of("liquidity", row["liquidity"], (ANY, *Instrument.LiquidityClass.values))
        if row["asset_class"] == PenaltyRate.CASH:
            if row["liquidity"] != ANY:
                yield RowFault("liquidity", "Cash has no liquidity class: use *.")
            if row["currency"] != ANY and not is_currency(row["currency"]):
                yield RowFault("currency", "A currency (ISO 4217), or * for every one.", "unknown")
        elif row["currency"] != ANY:
            yield RowFault("currency", "Only rates of cash have a currency: use *.")
        if not 0 <= row["basis_points"] < _BASIS_POINTS_END:
            yield RowFault("basis_points", f"From 0 to less than {_BASIS_POINTS_END} basis points a day.")
        yield from range_faults(row)

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        """Refuse what would hold on the same day as another row of its place."""
        find_overlaps(self, [plan for plan in plans if not plan.faults])


PENALTY_RATES = PenaltyRates()
