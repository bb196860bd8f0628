"""References that this process has looked up before, good until the reference data changes.

A front office posts the same parties, instruments and books all day. What is kept belongs to a stamp, a number
that every change of reference data moves on; who asks brings the stamp that holds now, read from the database
with something it needs anyway, so nothing is ever used that a committed change has overtaken.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import date, timedelta

from django.db import connection

from refdata.selectors import References, resolve

STAMP = "(SELECT value FROM refdata_stamp)"  # an SQL expression, to be read before asking
KEPT_MAX = 100_000
_BACK, _AHEAD = timedelta(days=400), timedelta(days=800)  # the days whose holidays are kept


class _Generation:
    """What was looked up under one stamp on one day. Threads share it: entries are added, never changed."""

    def __init__(self, stamp: int, on: date) -> None:
        self.stamp, self.on = stamp, on
        self.days = (on - _BACK, on + _AHEAD)
        self.references = References()
        self.seen: tuple[set[str], ...] = (set(), set(), set(), set())

    def look_up(self, asked: tuple[Set[str], ...]) -> None:
        """Add what was never asked for under this stamp, in one statement."""
        parties, instruments, books, currencies = (
            names - seen for names, seen in zip(asked, self.seen, strict=True)
        )
        if not (parties or instruments or books or currencies):
            return
        found = resolve(
            parties=parties,
            instruments=instruments,
            books=books,
            currencies=currencies,
            on=self.on,
            days=self.days,
        )
        self.references.update(found)
        for seen, names in zip(self.seen, (parties, instruments, books, currencies), strict=True):
            seen.update(names)  # last: who finds a name here finds what belongs to it


_kept = _Generation(0, date.min + _BACK)


def resolve_known(
    *,
    parties: Set[str],
    instruments: Set[str],
    books: Set[str],
    currencies: Set[str],
    on: date,
    days: tuple[date, date] | None,
    stamp: int,
) -> References:
    """Return references as `resolve` does, and maybe others too, without a statement when all are known.

    Within a transaction nothing is kept: what it sees may never be committed.
    """
    global _kept  # noqa: PLW0603 - one generation follows another as a whole
    generation = _kept
    if (generation.stamp, generation.on) != (stamp, on) or sum(map(len, generation.seen)) > KEPT_MAX:
        generation = _Generation(stamp, on)
    first, last = generation.days
    if connection.in_atomic_block or (days and not first <= days[0] <= days[1] <= last):
        return resolve(
            parties=parties, instruments=instruments, books=books, currencies=currencies, on=on, days=days
        )
    generation.look_up((parties, instruments, books, currencies))
    _kept = generation
    return generation.references
