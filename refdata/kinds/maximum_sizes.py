"""Maximum sizes: the most that one settlement instruction may be over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from core.money import is_currency, minor_units
from refdata.kinds._validity import find_overlaps, range_faults
from refdata.kinds.base import Field, Kind, Plan, RowFault, one_of
from refdata.models import ANY, MaximumSize


class MaximumSizes(Kind):
    """`asset_kind` is `CASH`, `SECURITY` or `GOODS`; `asset` a currency, ISIN or SKU, or `*` for every one of the kind.

    What nets to more than `maximum` is sealed as several instructions, none over more than that. The row that names the
    asset goes before `*`. It holds for value dates from `valid_from` to `valid_to`. Money has no more decimals than its
    currency's minor unit; the maximum of a security is best a multiple of what it is dealt in.
    """

    code = "maximum-sizes"
    subject = "maximum_size"
    table = "refdata_maximum_size"
    key = ("asset_kind", "asset", "valid_from")
    fields = {
        "asset_kind": Field(str, "text"),
        "asset": Field(str, "text"),
        "maximum": Field(Decimal, "numeric", digits=(18, 10)),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"asset_kind": "t.asset_kind = %s", "asset": "t.asset = %s"}
    example = {
        "asset_kind": "CASH",
        "asset": "EUR",
        "maximum": "25000000",
        "valid_from": "2026-01-01",
        "valid_to": None,
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from one_of("asset_kind", row["asset_kind"], MaximumSize.AssetKind.values)
        if row["maximum"] <= 0:
            yield RowFault("maximum", "More than nothing.")
        if row["asset_kind"] == MaximumSize.AssetKind.CASH and row["asset"] != ANY:
            digits = minor_units(row["asset"]) if is_currency(row["asset"]) else None
            if digits is None:
                yield RowFault("asset", "A currency (ISO 4217), or * for every one.", "unknown")
            elif row["maximum"] != round(row["maximum"], digits):
                yield RowFault("maximum", f"{row['asset']} has {digits} decimals.")
        yield from range_faults(row)

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        """Refuse what would hold on the same day as another row of its place."""
        find_overlaps(self, [plan for plan in plans if not plan.faults])


MAXIMUM_SIZES = MaximumSizes()
