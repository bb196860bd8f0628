"""What a measure declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """How much of a limit one trade uses.

    size: SQL over a version row `b`, the trade's use; null where it cannot be told, or where the trade is none of
    the measure's business. accumulates: whether the uses of trades add up from their first check on, or each
    trade stands alone against the limit. until: whether a trade's use is given back when it settles, or only when
    it is cancelled. signed: purchases count up and sales down, and the figure is the distance from zero; else a
    size is never negative. per: a window (of `WINDOWS`) by which every figure is split, besides the limit's own
    dimensions. share: the figure is the per cent that a member has of all members that differ from it in the
    limit's last dimension only. unit: of the size, and of the limit's marks but for a share, whose are per cent.
    """

    code: str
    title: str
    accumulates: bool
    size: str
    until: Literal["SETTLED", "CANCELLED"] = "SETTLED"
    signed: bool = False
    per: str = ""
    share: bool = False
    unit: Literal["MONEY", "COUNT"] = "MONEY"
