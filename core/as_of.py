"""Two axes of time: what was known at a moment (`as_at`), and what was in force at one (`effective_at`).

A row is known at a moment when it was recorded by then, and when the transaction that wrote it had ended when
somebody first asked for that moment or a later one: the snapshot of that question is kept (`core_moment`). So what
is read of a moment never changes again, whatever commits later, and however late. See docs/adr/0031.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core import sql

HIGHEST = 2**63 - 1
_FIRST = datetime.min.replace(tzinfo=UTC)
_TICK = timedelta(microseconds=1)

# The last two or three arguments of SQL's core_known(xid, recorded_at, …): known then; and happened by then.
KNOWN = "%(as_at)s::timestamptz, %(seen)s::pg_snapshot"
HAPPENED = f"{KNOWN}, %(effective_at)s::timestamptz"


@dataclass(frozen=True)
class AsOf:
    """A place on the two axes of time. None: now, on the axis of knowledge; any, on the axis of force.

    seen: the snapshot that answers for `as_at`; marks: the last number of each sequence when it was taken.
    Only `known_at()` makes one with an `as_at`.
    """

    as_at: datetime | None = None
    effective_at: datetime | None = None
    seen: str | None = None
    marks: Mapping[str, int] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of statements that use KNOWN or HAPPENED."""
        return {"as_at": self.as_at, "seen": self.seen, "effective_at": self.effective_at}

    def highest(self, sequence: str) -> int:
        """Return a number that no id of a sequence exceeds in what is known; HIGHEST when it is known now."""
        return self.marks.get(sequence, HIGHEST)


NOW = AsOf()


def known_at(as_at: datetime | None, *, effective_at: datetime | None = None) -> AsOf:
    """Return the place of a moment that is not in the future, keeping a snapshot for it if none is kept yet.

    Not inside a transaction that has written: what it wrote is not known to anybody before it commits.
    """
    if as_at is None:
        return AsOf(effective_at=effective_at)
    found = sql.row("SELECT seen, marks FROM core_mark_moment(%s)", [as_at])
    assert found is not None  # noqa: S101 - the function always answers
    return AsOf(as_at, effective_at, found[0], sql.json_value(found[1]))


def tick_of(moment: datetime | None) -> int:
    """Return a moment as a positive number of microseconds for a cursor, 0 for none."""
    return 0 if moment is None else (moment - _FIRST) // _TICK + 1


def moment_of(tick: int) -> datetime | None:
    """Return the moment behind a cursor's number; OverflowError when there is none."""
    return None if tick == 0 else _FIRST + (tick - 1) * _TICK
