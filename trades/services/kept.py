"""Kept changes: what front offices said of deals under numbers of their own, and what has become of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core import sql, work
from core.wake import wake_on_commit

TASK = "trades.apply_early_changes"
Deal = tuple[str, str]  # the source and its reference


class Standing(Enum):
    """What has become of a kept change; all but what is applied came before its deal."""

    APPLIED = None
    WAITING = ""  # for its deal, or for a second person
    REFUSED = "REFUSED"  # a person must see it
    DROPPED = "DROPPED"  # it came to nothing


@dataclass(frozen=True)
class Kept:
    """A change message that was kept. changes: the merge patch of an amendment."""

    id: int
    kind: str
    source_version: int
    changes: Any
    standing: Standing


_MESSAGES = """
SELECT m.id, m.source, m.source_ref, m.kind, m.source_version, m.changes, e.outcome
FROM unnest(%s::text[], %s::text[]) AS w(source, source_ref)
JOIN trades_change_message m ON m.source = w.source AND m.source_ref = w.source_ref
LEFT JOIN trades_early_change e ON e.message_id = m.id
ORDER BY m.source_version
"""


def messages_of(deals: Sequence[Deal]) -> dict[Deal, list[Kept]]:
    """Return the kept changes of deals, in the front office's order."""
    found: dict[Deal, list[Kept]] = {}
    for message_id, source, ref, kind, number, patch, outcome in sql.rows(
        _MESSAGES, [[source for source, _ in deals], [ref for _, ref in deals]]
    ):
        kept = Kept(message_id, kind, number, sql.json_value(patch), Standing(outcome))
        found.setdefault((source, ref), []).append(kept)
    return found


def mark_applied(message_ids: Sequence[int]) -> None:
    """Note that kept changes are applied, in the caller's transaction."""
    if message_ids:
        sql.run("DELETE FROM trades_early_change WHERE message_id = ANY(%s)", [list(message_ids)])


def drop(message_ids: Sequence[int]) -> None:
    """Note that early changes come to nothing, in the caller's transaction."""
    if message_ids:
        sql.run(
            "UPDATE trades_early_change SET outcome = 'DROPPED' WHERE message_id = ANY(%s)",
            [list(message_ids)],
        )


def refuse(refusals: Sequence[tuple[int, str]]) -> None:
    """Note why early changes could not be applied, by message, in the caller's transaction."""
    sql.run(
        "UPDATE trades_early_change e SET outcome = 'REFUSED', refusal = g.refusal"
        " FROM unnest(%s::bigint[], %s::text[]) AS g(id, refusal) WHERE e.message_id = g.id",
        [[message_id for message_id, _ in refusals], [why for _, why in refusals]],
    )


_OF_TRADES = """
SELECT s.trade_id, e.message_id, e.refusal
FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = 1
JOIN trades_early_change e ON e.source = v.source AND e.source_ref = v.source_ref
WHERE s.trade_id = ANY(%s) AND e.outcome = %s ORDER BY s.trade_id, e.message_id
"""


def early_changes(
    trade_ids: Sequence[int], standing: Standing = Standing.WAITING
) -> list[tuple[int, int, str]]:
    """Return (trade, message, why it was refused) of the early changes of trades that stand so."""
    return sql.rows(_OF_TRADES, [list(trade_ids), standing.value])


def look_again(trade_ids: Sequence[int]) -> None:
    """Queue what still waits of trades for the task that applies it, in the caller's transaction."""
    waiting = sorted(message_id for _, message_id, _ in early_changes(trade_ids))
    if waiting:
        queue(waiting)


def queue(message_ids: Sequence[int]) -> None:
    """Queue early changes for the task that applies them, in the caller's transaction."""
    work.enqueue(TASK, message_ids)
    wake_on_commit(TASK)
