"""What the desk counts and lists beside its queue: causes, items of an API client, an item with its comments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core import sql
from trades.selectors.exceptions import AWAKE, COUNT_CAP, Narrowing, condition_of

MAX_GROUPS = 200
_GROUPS = f"""
WITH open AS MATERIALIZED (
    SELECT e.id, e.causes, e.waits, e.move, e.amount_at_risk, e.deadline, e.owner_id, e.opened_at
    FROM trades_exception e
    WHERE e.closed_at IS NULL AND {AWAKE} {{of_sources}} ORDER BY e.deadline, e.id LIMIT %(cap)s
), waits AS (
    SELECT o.causes[1] AS cause, array_agg(DISTINCT split_part(w.name, ':', 1)) AS kinds
    FROM open o CROSS JOIN LATERAL unnest(o.waits) AS w(name) WHERE cardinality(o.causes) = 1 GROUP BY 1
)
SELECT c.cause, (SELECT kinds FROM waits WHERE waits.cause = c.cause) AS waits_for, count(*) AS items,
       count(*) FILTER (WHERE cardinality(o.causes) = 1) AS alone,
       sum(o.amount_at_risk) AS amount_at_risk, min(o.deadline) AS deadline, min(o.opened_at) AS opened_at,
       count(DISTINCT o.owner_id) AS owners, count(*) FILTER (WHERE o.owner_id IS NULL) AS unowned,
       array_agg(DISTINCT o.move) AS moves
FROM open o CROSS JOIN LATERAL unnest(o.causes) AS c(cause)
GROUP BY c.cause ORDER BY count(*) DESC, min(o.deadline), c.cause LIMIT %(limit)s
"""


_OF_SOURCES = """
AND EXISTS (SELECT FROM trades_version v
            WHERE v.trade_id = e.trade_id AND v.version = 1 AND v.source = ANY(%(sources)s))
"""


def groups(*, now: datetime, sources: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return what open items of some sources (none: all items) wait for, by cause, the commonest first: how many, how
    many for that alone, the money, and the kinds of reference data that may end it (`waits_for`, of those alone).

    An item with several causes counts in each of them. Looks at no more than COUNT_CAP items, the most urgent.
    """
    return sql.records(
        _GROUPS.format(of_sources=_OF_SOURCES if sources else ""),
        {"now": now, "cap": COUNT_CAP, "limit": MAX_GROUPS, "sources": list(sources)},
    )


def ids_of(
    *,
    view: str,
    narrowing: Narrowing,
    user_id: int,
    now: datetime,
    most: int,
    sources: Collection[str] = (),
) -> tuple[list[int], bool]:
    """Return the ids of up to `most` items of a list, the most urgent first, and whether there are more.

    sources: only items of trades of these; none: all items.
    """
    of_sources = _OF_SOURCES if sources else ""
    found = sql.rows(
        f"SELECT e.id FROM trades_exception e WHERE {condition_of(view, narrowing)} {of_sources}"
        " ORDER BY e.deadline, e.id LIMIT %(limit)s",
        {**asdict(narrowing), "user": user_id, "now": now, "limit": most + 1, "sources": list(sources)},
    )
    return [number for (number,) in found[:most]], len(found) > most


def count(*, view: str, narrowing: Narrowing, user_id: int, now: datetime) -> int:
    """Return how many items a list has, at most COUNT_CAP + 1."""
    ((found,),) = sql.rows(
        "SELECT count(*) FROM (SELECT 1 FROM trades_exception e"
        f" WHERE {condition_of(view, narrowing)} LIMIT %(cap)s) AS matching",
        {**asdict(narrowing), "user": user_id, "now": now, "cap": COUNT_CAP + 1},
    )
    return int(found)


_ITEM = """
SELECT e.*, u.username AS owner, g.name AS team, v.source, v.source_ref
FROM trades_exception e
LEFT JOIN auth_user u ON u.id = e.owner_id
LEFT JOIN auth_group g ON g.id = e.team_id
LEFT JOIN trades_version v ON v.trade_id = e.trade_id AND v.version = 1
"""


def item_of(exception_id: int) -> dict[str, Any] | None:
    """Return one item with its owner, its team and the source of its trade, if it is about one; or None."""
    found = sql.records(f"{_ITEM} WHERE e.id = %s", [exception_id])
    return found[0] if found else None


def items_of(exception_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return items as `item_of` does, by id; those that do not exist are left out."""
    found = sql.records(f"{_ITEM} WHERE e.id = ANY(%s)", [list(exception_ids)])
    return {each["id"]: each for each in found}


def list_items(
    *,
    sources: Collection[str],
    is_open: bool,
    queue: str = "",
    narrowing: Narrowing,
    now: datetime,
    after: tuple[int, ...] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return items of sources (none: of all) in the order in which they were written, after a (transaction, id).

    Only what no open transaction can still precede is shown, so a reader that keeps its cursor misses none. queue:
    one of QUEUES, in place of `is_open`.
    """
    condition = " AND ".join(
        [
            f"e.xid < {sql.OLDEST_OPEN}",
            condition_of(queue, narrowing) if queue else _is_open(is_open, narrowing),
            *(["v.source = ANY(%(sources)s)"] if sources else []),
            *(["(e.xid, e.id) > (%(xid)s, %(id)s)"] if after else []),
        ]
    )
    xid, last_id = after or (0, 0)
    return sql.records(
        f"{_ITEM} WHERE {condition} ORDER BY e.xid, e.id LIMIT %(limit)s",
        {
            **asdict(narrowing),
            "sources": list(sources),
            "now": now,
            "xid": xid,
            "id": last_id,
            "limit": limit,
        },
    )


def _is_open(is_open: bool, narrowing: Narrowing) -> str:
    return f"e.closed_at IS {'' if is_open else 'NOT '}NULL{narrowing.sql()}"


def shared_comments(exception_id: int) -> list[dict[str, Any]]:
    """Return what was said of an item to the front office and by it, in order."""
    return sql.records(
        "SELECT id, author, text, written_at FROM trades_comment"
        " WHERE exception_id = %s AND audience = 'FRONT_OFFICE' ORDER BY id LIMIT 1000",
        [exception_id],
    )
