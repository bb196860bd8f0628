"""The log in the order of its ids, up to where no open transaction can still write: nothing is ever skipped.

See docs/adr/0026. A mark is the last id drawn at some moment and a transaction id taken just after it. It is
settled once every older transaction has ended; then what is visible up to its id is all there will ever be.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core import sql

MAX_SCAN = 50_000  # ids looked at for one page, so that a narrow filter costs no more than a broad one
MAX_TYPES = 50
_GROWTH = 8  # of the stretch that is looked at, while a narrow reader finds too little in it
_TYPE = re.compile(r"[a-z_]+\.(\*|[a-z_]+)")
# A mark is settled at once but for the writers of that very moment; most of them end within this.
_SETTLE_TRIES, _SETTLE_PAUSE_MS = 10, 5


@dataclass(frozen=True)
class Position:
    """Where a reader stands: after an event id, and the mark that it waits for, if any.

    The mark travels with the reader, so that it comes to be settled however busy the writers are.
    """

    event_id: int = 0
    mark_id: int = 0
    mark_xid: int = 0

    def key(self) -> tuple[int, int, int]:
        """Return the position as the key of a cursor."""
        return self.event_id, self.mark_id, self.mark_xid


@dataclass(frozen=True)
class Selection:
    """Which events a reader wants and may see. No types: all; no sources: every subject of every source.

    types: `trade.captured`, or `trade.*` for a family. A reader that is bound to sources sees their trades only.
    """

    types: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()

    def sql(self) -> tuple[str, dict[str, Any]]:
        """Return the condition on a row `e` of the log, and its parameters."""
        conditions, parameters = ["true"], dict[str, Any]()
        if self.types:
            families = [each[:-1] for each in self.types if each.endswith(".*")]
            conditions.append(
                "(e.type = ANY(%(types)s::text[])"
                " OR split_part(e.type, '.', 1) || '.' = ANY(%(families)s::text[]))"
            )
            parameters |= {"types": list(self.types), "families": families}
        if self.sources:
            conditions.append(
                "e.subject = 'trade' AND EXISTS (SELECT 1 FROM trades_version v WHERE v.trade_id = e.subject_id"
                " AND v.version = 1 AND v.source = ANY(%(sources)s::text[]))"
            )
            parameters["sources"] = sorted(self.sources)
        return " AND ".join(conditions), parameters

    def is_narrow(self) -> bool:
        """Tell whether some events are left out."""
        return bool(self.types or self.sources)


EVERYTHING = Selection()


def is_type(text: str) -> bool:
    """Tell whether a text can name events: a type, or a family such as `trade.*`."""
    return bool(_TYPE.fullmatch(text))


@dataclass(frozen=True)
class Page:
    """Events in order, and where to go on. `more`: the reader is behind, and need not wait for the next page."""

    events: list[dict[str, Any]]
    next: Position
    more: bool


_LOOK = """
SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM core_event_id_seq s
"""
WINDOW = """
SELECT e.* FROM core_events_between(%(above)s, %(up_to)s) e WHERE {condition} ORDER BY e.id LIMIT %(limit)s
"""


def last_event_id() -> int:
    """Return the last id that was drawn; its transaction may be open still."""
    found = sql.row(_LOOK)
    return int(found[0]) if found else 0


def read_page(*, after: Position, limit: int, selection: Selection = EVERYTHING) -> Page:
    """Return the events after a position that no commit to come can precede, in the order of their ids.

    Runs in no transaction: an open one would hold back the very marks it waits for.
    """
    at = _marked(after)
    if at.mark_id <= after.event_id or not _is_settled(at):
        if at != after:
            _keep()
        return Page([], at, more=False)
    events, reached = _scan(above=after.event_id, end=at.mark_id, limit=limit, selection=selection)
    more = reached < at.mark_id
    # What the reader is told must outlive a crash: a committed event does, an id that nobody committed may not.
    if not events or events[-1]["id"] < reached or (more and at != after):
        _keep()
    return Page(events, replace(at, event_id=reached) if more else Position(reached), more)


def complete_up_to() -> int | None:
    """Return an id up to which the log is complete at this moment; None when writers were too busy to tell."""
    at = _marked(Position())
    return at.mark_id if _is_settled(at) else None


def _marked(after: Position) -> Position:
    """Return the position with a mark ahead of it, if any id was drawn beyond it."""
    last, _, xmax = _look()
    if after.event_id < after.mark_id <= last and after.mark_xid < xmax:
        return after  # otherwise the mark was reached, or is of another cluster: a copy that was restored
    if last <= after.event_id:
        return Position(after.event_id)
    found = sql.row("SELECT last_id, xid FROM core_event_mark()")
    assert found is not None  # noqa: S101 - the function always returns one row
    return Position(after.event_id, *found)


def _is_settled(at: Position) -> bool:
    """Tell whether every transaction older than the mark has ended; give those of this moment a chance to."""
    for _ in range(_SETTLE_TRIES):
        if at.mark_xid <= _look()[1]:
            return True
        time.sleep(_SETTLE_PAUSE_MS / 1000)
    return False


def _look() -> tuple[int, int, int]:
    found = sql.row(_LOOK)
    assert found is not None  # noqa: S101 - a sequence has one row
    return found[0], found[1], found[2]


def _scan(*, above: int, end: int, limit: int, selection: Selection) -> tuple[list[dict[str, Any]], int]:
    """Return matching events of (above, end], and up to which id they are all there are."""
    condition, parameters = selection.sql()
    window = limit
    events: list[dict[str, Any]] = []
    bound = min(end, above + MAX_SCAN)
    while above < bound and len(events) < limit:
        up_to = min(bound, above + window)
        wanted = limit - len(events)
        events += sql.records(
            WINDOW.format(condition=condition),
            {**parameters, "above": above, "up_to": up_to, "limit": wanted},
        )
        above = events[-1]["id"] if len(events) == limit else up_to
        window *= _GROWTH if selection.is_narrow() else 1
    return events, above


def _keep() -> None:
    """Flush the log of PostgreSQL: an id drawn by nobody who committed may else be drawn again after a crash."""
    sql.run("SELECT pg_logical_emit_message(true, 'feed', '')")


def events_by_subject(keys: Sequence[tuple[int, int]]) -> dict[int, dict[str, Any]]:
    """Return events by id, looked up by (subject id, event id), which has an index."""
    found = sql.records(
        "SELECT e.* FROM core_event e"
        " JOIN unnest(%s::bigint[], %s::bigint[]) AS k(subject_id, id) USING (subject_id, id)",
        [[subject for subject, _ in keys], [event for _, event in keys]],
    )
    return {row["id"]: row for row in found}


def public_types(types: Collection[str]) -> tuple[str, ...]:
    """Return types in one order, each once."""
    return tuple(sorted(set(types)))
