"""What the API reads of trades, as SQL that stays quick at any size."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from core import sql
from trades.lifecycle import State
from trades.selectors.blotter import MAX_SOURCES, Filter, conditions
from trades.selectors.blotter import sources as all_sources

_ALL = Filter()
_CURRENT = """
SELECT v.*, s.state, s.changed_at, s.changed_xid, s.block_id
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
"""


def read_trade(trade_id: int) -> dict[str, Any] | None:
    """Return the current version of a trade with its state, or None."""
    found = sql.records(f"{_CURRENT} WHERE s.trade_id = %s", [trade_id])
    return found[0] if found else None


def seen_among(trade_ids: Collection[int]) -> set[int]:
    """Return which of these trades whoever reads sees."""
    found = sql.rows("SELECT trade_id FROM trades_state WHERE trade_id = ANY(%s)", [sorted(trade_ids)])
    return {trade_id for (trade_id,) in found}


def read_parts(block_id: int) -> list[dict[str, Any]]:
    """Return the parts of a block that are not cancelled, in the order in which they were asked for."""
    return sql.records(
        f"{_CURRENT} WHERE s.block_id = %s AND s.state <> {State.CANCELLED.value} ORDER BY s.trade_id",
        [block_id],
    )


def read_findings(trade_id: int) -> list[dict[str, Any]]:
    """Return every finding of a trade, open ones first, newest first."""
    return sql.records(
        "SELECT * FROM trades_finding WHERE trade_id = %s ORDER BY closed_at IS NOT NULL, id DESC",
        [trade_id],
    )


def read_events(trade_id: int, *, after: int, limit: int) -> list[dict[str, Any]]:
    """Return the events of a trade after an event id, oldest first."""
    return sql.records(
        "SELECT * FROM core_event WHERE subject_id = %s AND subject = 'trade' AND id > %s ORDER BY id LIMIT %s",
        [trade_id, after, limit],
    )


def list_trades(
    *,
    sources: Collection[str],
    source: str | None,
    source_ref: str | None,
    state: State | None,
    trade_date: date | None,
    updated_since: datetime | None,
    narrowed: Filter = _ALL,
    after: tuple[int, ...] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return trades in the order of their last change, after the (transaction, trade) key of a cursor.

    Only what no open transaction can still precede is shown, so a reader that keeps its cursor misses no
    change: a later commit always sorts behind. The exact reference of one deal is answered without that wait.
    `sources` narrows to what the client may see; none means every source. `narrowed` as the blotter filters.
    """
    where, parameters = conditions(narrowed)
    if source_ref is not None:
        where.append(
            "s.trade_id IN (SELECT trade_id FROM trades_version"
            " WHERE source = ANY(%(asked)s) AND source_ref = ANY(%(refs)s) AND version = 1)"
        )
        # The index begins with the source: where none is named, each that exists is one probe.
        asked = [source] if source is not None else all_sources(most=MAX_SOURCES)
        parameters |= {"asked": asked, "refs": [source_ref]}
    else:
        where.append(f"s.changed_xid < {sql.OLDEST_OPEN}")
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
    if after is not None:
        where.append("(s.changed_xid, s.trade_id) > (%(after_xid)s, %(after_id)s)")
        parameters["after_xid"], parameters["after_id"] = after
    return sql.records(
        f"{_CURRENT} WHERE {' AND '.join(where)} ORDER BY s.changed_xid, s.trade_id LIMIT %(limit)s",
        {**parameters, "limit": limit},
    )
