"""What a measure declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Measure:
    """How much of a limit one trade uses.

    size: the use of a trade in base currency, from its base amount. accumulates: whether the uses of all live
    trades add up (from capture until settled or cancelled), or each trade stands alone against the limit.
    """

    code: str
    title: str
    accumulates: bool
    size: Callable[[Decimal], Decimal]
