"""What a measure declares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """How much of a limit one trade uses.

    size: SQL over a version row `b`, the trade's use in base currency, never negative; null where it cannot
    be told. accumulates: whether the uses of all live trades add up (from their first check until settled or
    cancelled), or each trade stands alone against the limit.
    """

    code: str
    title: str
    accumulates: bool
    size: str
