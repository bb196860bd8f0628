"""Deadlines: the apps above say until when a held trade must be free to go on its way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import NamedTuple


class Due(NamedTuple):
    """What decides until when a trade must be free: what it is, when it settles, in which currencies and instrument."""

    product: str
    settlement_date: date
    currency: str
    contra_currency: str | None
    instrument_id: int | None


# The columns of a version, in the order of Due.
DUE_COLUMNS = Due._fields
# Given what is due, the moment in UTC for each; what is left out has no deadline.
Deadlines = Callable[[Collection[Due]], Mapping[Due, datetime]]
_DEADLINES: list[Deadlines] = []


def on_deadlines(deadlines: Deadlines) -> None:
    """Register until when trades must be free: the cut-offs of what hands them over, say."""
    _DEADLINES.append(deadlines)


def deadlines_of(dues: Collection[Due]) -> dict[Due, datetime]:
    """Return the earliest registered deadline of each that has one."""
    found: dict[Due, datetime] = {}
    for deadlines in _DEADLINES:
        for due, at in deadlines(dues).items():
            found[due] = min(at, found.get(due, at))
    return found
