"""The penalty rates that the CSDR's delegated act publishes, for the classes that the product tells apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

CSDR = "Delegated Regulation (EU) 2017/389, annex"
_SINCE = date(2022, 2, 1)
# Basis points a business day. Bonds: the rate of debt instruments that are not issued by governments.
_RATES = (
    ("EQUITY", "*", "1.0"),
    ("EQUITY", "LOW", "0.5"),
    ("FUND", "*", "0.5"),
    ("BOND", "*", "0.2"),
)


def csdr_rates() -> Iterator[dict[str, Any]]:
    """Yield the rates as a load of `penalty-rates` takes them; those of cash follow central banks."""
    for asset_class, liquidity, basis_points in _RATES:
        yield {
            "asset_class": asset_class,
            "liquidity": liquidity,
            "currency": "*",
            "basis_points": basis_points,
            "source": CSDR,
            "valid_from": _SINCE.isoformat(),
        }
