"""Trades as of a moment: the version and the state they had, from the insert-only versions and events.

The version is the latest that was known at `as_at` and in force at `effective_at`. The state is where the last
state-changing event put a trade that was known, had happened by `effective_at`, and was about that version or one
before it. See docs/time.md.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from core import sql
from core.as_of import HAPPENED, KNOWN, AsOf
from trades.lifecycle import CAPTURE_EVENT, TRANSITIONS, State

SEQUENCE = "trades_trade_id"
WINDOW = 20_000  # trades that one page of a list looks through
CANCELLING = "CANCEL"  # the cause of a version that calls the deal off

_STATE_AFTER = {CAPTURE_EVENT: State.CAPTURED, **{way.event: way.target for way in TRANSITIONS}}
_EVENTS = ", ".join(f"'{event}'" for event in _STATE_AFTER)
_STATE = " ".join(f"WHEN m.type = '{event}' THEN {state.value}" for event, state in _STATE_AFTER.items())

# A trade as it was: `v` its version, `s` its state, as the statements about the present call them. The events say
# which versions were known, because they bear the transaction; each version has one. `t` bounds the trades.
AS_OF = f"""
trades_state t
CROSS JOIN LATERAL (
    SELECT * FROM trades_version
    WHERE trade_id = t.trade_id
      AND (%(as_at)s::timestamptz IS NULL OR recorded_at <= %(as_at)s::timestamptz)
      AND (%(effective_at)s::timestamptz IS NULL OR effective_at <= %(effective_at)s::timestamptz)
      AND version <= (
          SELECT max(e.version) FROM core_event e
          WHERE e.subject_id = t.trade_id AND e.subject = 'trade' AND core_known(e.xid, e.recorded_at, {KNOWN}))
    ORDER BY version DESC LIMIT 1
) v
LEFT JOIN LATERAL (
    SELECT e.type, e.recorded_at FROM core_event e
    WHERE e.subject_id = t.trade_id AND e.subject = 'trade' AND e.type IN ({_EVENTS}) AND e.version <= v.version
      AND core_known(e.xid, e.recorded_at, {HAPPENED})
    ORDER BY e.id DESC LIMIT 1
) m ON true
CROSS JOIN LATERAL (
    SELECT t.trade_id, t.block_id, v.version, greatest(m.recorded_at, v.recorded_at) AS changed_at,
           (CASE WHEN v.cause = '{CANCELLING}' THEN {State.CANCELLED.value} {_STATE}
                 ELSE {State.CAPTURED.value} END)::smallint AS state
) s
"""
_TRADES = f"SELECT v.*, s.state, s.changed_at, s.block_id FROM {AS_OF}"


def read_trade(trade_id: int, as_of: AsOf) -> dict[str, Any] | None:
    """Return a trade as it was, or None when it was not known, or not in force, at that moment."""
    found = sql.records(
        f"{_TRADES} WHERE t.trade_id = %(trade_id)s", {**as_of.parameters(), "trade_id": trade_id}
    )
    return found[0] if found else None


def read_parts(block_id: int, as_of: AsOf) -> list[dict[str, Any]]:
    """Return the parts of a block that were known and not cancelled, in the order in which they were asked for."""
    return sql.records(
        f"{_TRADES} WHERE t.block_id = %(block_id)s AND s.state <> {State.CANCELLED.value} ORDER BY t.trade_id",
        {**as_of.parameters(), "block_id": block_id},
    )


_FINDINGS = f"""
SELECT f.trade_id, f.version, f.code, f.severity, f.subject, f.message, f.expected, f.actual,
       f.parameter_version, f.inputs, f.found_at,
       CASE WHEN c.closed THEN f.closed_at END AS closed_at, CASE WHEN c.closed THEN f.closing ELSE '' END AS closing
FROM trades_finding f
CROSS JOIN LATERAL (
    SELECT core_known(coalesce(f.closed_xid, f.xid), f.closed_at, {HAPPENED}) AS closed
) c
WHERE f.trade_id = %(trade_id)s AND core_known(f.xid, f.found_at, {HAPPENED})
ORDER BY c.closed, f.id DESC
"""


def read_findings(trade_id: int, as_of: AsOf) -> list[dict[str, Any]]:
    """Return what had been found of a trade, what was open then first, the newest first."""
    return sql.records(_FINDINGS, {**as_of.parameters(), "trade_id": trade_id})


_EVENT_PAGE = f"""
SELECT * FROM core_event e
WHERE e.subject_id = %(trade_id)s AND e.subject = 'trade' AND e.id > %(after)s
  AND core_known(e.xid, e.recorded_at, {HAPPENED})
ORDER BY e.id LIMIT %(limit)s
"""


def read_events(trade_id: int, as_of: AsOf, *, after: int, limit: int) -> list[dict[str, Any]]:
    """Return the events of a trade that had happened, after an event id, oldest first."""
    return sql.records(
        _EVENT_PAGE, {**as_of.parameters(), "trade_id": trade_id, "after": after, "limit": limit}
    )


def list_trades(
    as_of: AsOf,
    *,
    sources: Collection[str],
    source: str | None,
    source_ref: str | None,
    state: State | None,
    trade_date: date | None,
    updated_since: datetime | None,
    narrowed: tuple[list[str], dict[str, Any]] = ([], {}),
    after: int,
    limit: int,
) -> tuple[list[dict[str, Any]], int | None]:
    """Return trades as they were, in the order of capture after a trade id, and the id to go on after, if any.

    A page looks through WINDOW trades at most and may be short, or empty, before the last one. `sources` narrows
    to what the client may see; none means every source. `narrowed`: more conditions, with their parameters.
    """
    last = last_trade(as_of)
    edge = last if source_ref is not None else _edge(as_of, after, last)
    where, parameters = ["t.trade_id > %(after)s", "t.trade_id <= %(edge)s"], as_of.parameters()
    where += narrowed[0]
    parameters |= narrowed[1]
    parameters |= {"after": after, "edge": edge, "limit": limit}
    if source_ref is not None:
        where.append(
            "t.trade_id IN (SELECT trade_id FROM trades_version WHERE version = 1"
            " AND source_ref = %(source_ref)s AND (%(source)s::text IS NULL OR source = %(source)s))"
        )
        parameters |= {"source_ref": source_ref, "source": source}
    for name, condition, value in (
        ("sources", "v.source = ANY(%(sources)s)", list(sources) or None),
        ("source", "v.source = %(source)s", source),
        ("state", "s.state = %(state)s", None if state is None else state.value),
        ("trade_date", "v.trade_date = %(trade_date)s", trade_date),
        ("updated_since", "s.changed_at >= %(updated_since)s", updated_since),
    ):
        if value is not None:
            where.append(condition)
            parameters[name] = value
    rows = sql.records(
        f"{_TRADES} WHERE {' AND '.join(where)} ORDER BY t.trade_id LIMIT %(limit)s", parameters
    )
    if len(rows) == limit:
        return rows, int(rows[-1]["trade_id"])
    return rows, edge if edge < last else None


_FIRST = f"""
SELECT t.trade_id FROM {AS_OF} WHERE t.trade_id > %(after)s AND t.trade_id <= %(last)s ORDER BY t.trade_id LIMIT 1
"""


def _edge(as_of: AsOf, after: int, last: int) -> int:
    """Return the id at which a page ends that goes on after one: WINDOW ids from the first trade that was known.

    Numbers that no trade has are passed over; a trade that was not known moves no edge when it commits later.
    """
    found = sql.row(_FIRST, {**as_of.parameters(), "after": after, "last": last})
    return last if found is None else min(int(found[0]) + WINDOW - 1, last)


def last_trade(as_of: AsOf) -> int:
    """Return an id that no trade known at a moment exceeds; the same for ever for one moment of knowledge."""
    if as_of.as_at is not None:
        return as_of.highest(SEQUENCE)
    found = sql.row("SELECT max(trade_id) FROM trades_state")
    return (found[0] if found else None) or 0
