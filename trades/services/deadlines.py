"""Deadlines: the apps above say until when a held trade must be free to go on its way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime

Due = tuple[str, date]  # a product and a settlement date
# Given what is due, the moment in UTC for each; what is left out has no deadline.
Deadlines = Callable[[Collection[Due]], Mapping[Due, datetime]]
_DEADLINES: list[Deadlines] = []


def on_deadlines(deadlines: Deadlines) -> None:
    """Register until when trades must be free: the cut-offs of what hands them over, say."""
    _DEADLINES.append(deadlines)


def deadlines_of(dues: Collection[Due]) -> dict[Due, datetime]:
    """Return the earliest registered deadline of each product and settlement date that has one."""
    found: dict[Due, datetime] = {}
    for deadlines in _DEADLINES:
        for due, at in deadlines(dues).items():
            found[due] = min(at, found.get(due, at))
    return found
