"""The log as people search it: newest first, a bounded stretch at a time.

The log has no index for who, what or why, which every write would pay for. It is read backwards in stretches of ids,
each a few blocks of its BRIN and twice as long as the one before, until a page is full or enough was looked through;
the answer then says how far it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import sql

PAGE_SIZE = 50
_STRETCH = 20_000
_LOOKED_THROUGH_MAX = 500_000
_WAITING_MAX = 10_001


@dataclass(frozen=True)
class Filter:
    """What is looked for; what is empty or None narrows nothing.

    type: of events, or how it begins (`user.`). start and end: moments, the end exclusive.
    """

    actor: str = ""
    type: str = ""
    subject: str = ""
    subject_id: int | None = None
    request_id: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Page:
    """Events, newest first. `next_before`: where the next page begins, or None at the log's beginning.

    `searched_to`: the id down to which was looked, when the page is not full and older ids remain.
    """

    rows: list[dict[str, Any]]
    next_before: int | None
    searched_to: int | None = None


@dataclass(frozen=True)
class Chain:
    """How far the log is sealed: the last seal, and how many events wait for the next (capped)."""

    sequence: int
    hash: str
    sealed_at: datetime | None
    total_count: int
    waiting: int


def chain() -> Chain:
    """Return how far the log is sealed."""
    last = sql.row(
        "SELECT sequence, hash, sealed_at, total_count, last_id FROM core_audit_seal ORDER BY sequence DESC LIMIT 1"
    )
    sequence, digest, sealed_at, total, last_id = last or (0, "", None, 0, 0)
    found = sql.row(
        "SELECT count(*) FROM (SELECT 1 FROM core_event WHERE id > %s LIMIT %s) AS waiting",
        [last_id, _WAITING_MAX],
    )
    return Chain(sequence, digest, sealed_at, total, found[0] if found else 0)


def search(wanted: Filter, *, before: int | None = None) -> Page:
    """Return the newest events that match, below an id."""
    conditions, parameters = _conditions(wanted)
    if wanted.subject_id is not None:
        return _of_subject(conditions, parameters, before)
    low, high = _bounds(wanted, before)
    rows: list[dict[str, Any]] = []
    stretch, end = _STRETCH, max(low, high - _LOOKED_THROUGH_MAX)
    while high > end and len(rows) <= PAGE_SIZE:
        start = max(end, high - stretch)
        stretch *= 2
        rows += _read(
            [*conditions, "id > %s", "id <= %s"], [*parameters, start, high], PAGE_SIZE + 1 - len(rows)
        )
        high = start
    if len(rows) > PAGE_SIZE:
        return Page(rows[:PAGE_SIZE], rows[PAGE_SIZE - 1]["id"])
    return Page(rows, None) if high <= low else Page(rows, high + 1, searched_to=high + 1)


def _of_subject(conditions: list[str], parameters: list[Any], before: int | None) -> Page:
    if before is not None:
        conditions, parameters = [*conditions, "id < %s"], [*parameters, before]
    rows = _read(conditions, parameters, PAGE_SIZE + 1)
    more = len(rows) > PAGE_SIZE
    return Page(rows[:PAGE_SIZE], rows[PAGE_SIZE - 1]["id"] if more else None)


def _read(conditions: list[str], parameters: list[Any], limit: int) -> list[dict[str, Any]]:
    rows = sql.records(
        "SELECT id, recorded_at, type, subject, subject_id, version, actor, request_id, reason, data"
        f" FROM core_event WHERE {' AND '.join(conditions) or 'true'} ORDER BY id DESC LIMIT %s",
        [*parameters, limit],
    )
    return [{**row, "data": sql.json_value(row["data"])} for row in rows]


def _conditions(wanted: Filter) -> tuple[list[str], list[Any]]:
    known: list[tuple[str, Any]] = [
        ("actor = %s", wanted.actor),
        ("starts_with(type, %s)", wanted.type),
        ("subject = %s", wanted.subject),
        ("subject_id = %s", wanted.subject_id),
        ("request_id = %s", wanted.request_id),
        ("recorded_at >= %s", wanted.start),
        ("recorded_at < %s", wanted.end),
    ]
    given = [(condition, value) for condition, value in known if value not in ("", None)]
    return [condition for condition, _ in given], [value for _, value in given]


def last_id_before(moment: datetime) -> int:
    """Return an id up to which everything was recorded before a moment; 0 when none is known.

    What was sealed before it was recorded before it; the hour is for clocks that differ. There is no such bound from
    above: what is told late, as an import is, stands further up.
    """
    found = sql.row(
        "SELECT max(last_id) FROM core_audit_seal WHERE sealed_at < %s - interval '1 hour'", [moment]
    )
    return int((found and found[0]) or 0)


def _bounds(wanted: Filter, before: int | None) -> tuple[int, int]:
    """Return the ids between which to look: above the first, up to the second."""
    low = 0 if wanted.start is None else last_id_before(wanted.start)
    if before is not None:
        return low, before - 1
    found = sql.row("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM core_event_id_seq")
    return low, found[0] if found else 0
