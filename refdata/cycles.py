"""Settlement cycles: which of them says how many business days after the trade a deal settles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

ANY_MARKET = "*"
DAYS_MAX = 365


@dataclass(frozen=True, slots=True)
class Cycle:
    """A settlement cycle: business days, and the trade dates for which it holds, both inclusive."""

    days: int
    valid_from: date
    valid_to: date | None

    def holds_on(self, day: date) -> bool:
        """Tell whether it holds for a trade date."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


# By product and market, as refdata/kinds/settlement_cycles.py names them.
Cycles = Mapping[tuple[str, str], Sequence[Cycle]]


def cycle_of(cycles: Cycles, *, product: str, markets: Iterable[str], on: date) -> int | None:
    """Return the days of the most specific cycle that holds for a trade date, or None.

    markets: the names that a deal's market goes by, the most specific first; an empty one is none.
    """
    for market in (*markets, ANY_MARKET):
        for cycle in cycles.get((product, market), ()) if market else ():
            if cycle.holds_on(on):
                return cycle.days
    return None
