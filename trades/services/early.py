"""Changes that come before their deal: kept, and applied before the checks look at the deal for the first time.

Either the deal is there when a change has been committed (the task of this module finds it), or it is captured later
and the checks, which every deal waits for, apply what was kept. So no order of the two loses a change.

What the policy puts before two people waits on and is proposed by the task, one change of a deal after the other. What
cannot be applied is a work item, until a person answers it or the front office sends it again and it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from core import sql, work
from core.audit import Actor, encode
from core.http.problem import Fault, Problem
from trades.services.change import Change, Changed, Outcome, change_trades, needs_approval
from trades.services.kept import TASK, drop, queue
from trades.services.refused import refuse_changes
from trades.services.single_change import propose_change

LIMIT = 1_000
PUT_OFF = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class EarlyChange:
    """A change of a deal that has not come: the deal by its own reference, and what is asked (its trade id is 0)."""

    source: str
    source_ref: str
    change: Change


_KEEP = """
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb)
    AS m(source text, source_ref text, source_version int, kind text, changes jsonb, reason text,
         effective_at timestamptz)
), kept AS (
    INSERT INTO trades_change_message
        (source, source_ref, source_version, kind, changes, reason, effective_at, actor, received_at)
    SELECT source, source_ref, source_version, kind, changes, reason, effective_at, %s, %s FROM given
    ORDER BY source, source_ref, source_version
    ON CONFLICT (source, source_ref, source_version) DO NOTHING
    RETURNING id, source, source_ref
)
INSERT INTO trades_early_change (message_id, source, source_ref) SELECT id, source, source_ref FROM kept
RETURNING message_id
"""
_SAME = """
SELECT w.n, m.kind, m.changes
FROM unnest(%s::text[], %s::text[], %s::int[]) WITH ORDINALITY AS w(source, source_ref, source_version, n)
JOIN trades_change_message m
    ON m.source = w.source AND m.source_ref = w.source_ref AND m.source_version = w.source_version
"""


def keep_early(*, changes: Sequence[EarlyChange], actor: Actor, at: datetime) -> list[Problem | None]:
    """Keep changes until their deals come, in the caller's transaction; the same again is no news.

    Returns for each, in their order, None or why it is refused: another change came under its number.
    """
    if not changes:
        return []
    first: dict[tuple[str, str, int | None], EarlyChange] = {}
    for each in changes:
        first.setdefault((each.source, each.source_ref, each.change.source_version), each)
    kept = [
        each for (each,) in sql.rows(_KEEP, [encode([_row(each) for each in first.values()]), actor.name, at])
    ]
    if kept:
        queue(sorted(kept))
    stored = {
        place - 1: (kind, sql.json_value(patch))
        for place, kind, patch in sql.rows(
            _SAME,
            [
                [each.source for each in changes],
                [each.source_ref for each in changes],
                [each.change.source_version for each in changes],
            ],
        )
    }
    return [_conflict(each, stored[place]) for place, each in enumerate(changes)]


def _row(each: EarlyChange) -> dict[str, Any]:
    change = each.change
    return {
        "source": each.source,
        "source_ref": each.source_ref,
        "source_version": change.source_version,
        "kind": change.kind,
        "changes": change.changes,
        "reason": change.reason,
        "effective_at": change.effective_at,
    }


def _conflict(each: EarlyChange, stored: tuple[str, Any]) -> Problem | None:
    changes = None if each.change.changes is None else sql.json_value(encode(each.change.changes))
    if stored == (each.change.kind, changes):
        return None
    return Problem(
        409,
        "source-version-conflict",
        f"Version {each.change.source_version} of the deal was sent before, with other content.",
        faults=[Fault("/source_version", "Every change has a number of its own.", "conflict")],
    )


_ANY = "SELECT 1 FROM trades_early_change WHERE outcome = '' LIMIT 1"
# Trades that somebody else has locked are left to the next who looks. A trade of which something is proposed waits for
# the decision, which has its changes looked at again.
_COME = """
SELECT e.message_id, s.trade_id, m.kind, m.changes, m.source_version, m.reason, m.effective_at, m.actor
FROM trades_early_change e
JOIN trades_change_message m ON m.id = e.message_id
JOIN trades_version v ON v.source = e.source AND v.source_ref = e.source_ref AND v.version = 1
JOIN trades_state s ON s.trade_id = v.trade_id
WHERE {which} AND e.outcome = '' AND NOT EXISTS (
    SELECT FROM core_proposal p WHERE p.kind = 'change' AND p.subject = 'trade' AND p.subject_id = s.trade_id
    AND p.state = 'PENDING')
ORDER BY s.trade_id, m.source_version FOR UPDATE OF s, e SKIP LOCKED
"""


def apply_early(*, trade_ids: Sequence[int], at: datetime) -> int:
    """Apply the changes that were kept of trades, in the caller's transaction; return how many were looked at.

    What needs two people is left to the task, which proposes it once the trade has been checked.
    """
    if sql.row(_ANY) is None:
        return 0
    looked_at, asking = _apply(_COME.format(which="s.trade_id = ANY(%s)"), list(trade_ids), at)
    queue([each.message_id or 0 for each, _ in asking])
    return len(looked_at)


def apply_queued(*, now: datetime) -> int:
    """Apply kept changes whose deals came at the same moment, and propose what needs two people; return how many
    were looked at.

    What has no deal yet is left to the checks of the deal.
    """
    with transaction.atomic():
        claimed = work.claim(TASK, limit=LIMIT, now=now)
        if claimed:
            looked_at, asking = _apply(_COME.format(which="e.message_id = ANY(%s)"), claimed.subject_ids, now)
            _propose(asking, now)
            _put_off(sorted(set(claimed.subject_ids) - looked_at), now)
            work.finish(claimed)
    return len(claimed.subject_ids)


_LEFT = """
SELECT e.message_id FROM trades_early_change e
JOIN trades_version v ON v.source = e.source AND v.source_ref = e.source_ref AND v.version = 1
WHERE e.message_id = ANY(%s) AND e.outcome = '' AND NOT EXISTS (
    SELECT FROM core_proposal p WHERE p.kind = 'change' AND p.subject = 'trade' AND p.subject_id = v.trade_id
    AND p.state = 'PENDING')
ORDER BY e.message_id
"""


def _put_off(message_ids: list[int], now: datetime) -> None:
    """Queue changes for a little later that were not looked at although their deals are there: somebody has locked
    the trade just now. Where something of it is proposed, the decision has them looked at."""
    left = [each for (each,) in sql.rows(_LEFT, [message_ids])] if message_ids else []
    work.enqueue(TASK, left, not_before=now + PUT_OFF)


_Asking = list[tuple[Change, Actor]]


def _apply(statement: str, ids: list[int], at: datetime) -> tuple[set[int], _Asking]:
    """Apply what has come; return the messages that were looked at, and what needs two people."""
    rows = sql.records(statement, [ids])
    by_actor: dict[str, list[Change]] = {}
    for row in rows:
        change = Change(
            kind=row["kind"],
            trade_id=row["trade_id"],
            reason=row["reason"],
            changes=sql.json_value(row["changes"]),
            source_version=row["source_version"],
            effective_at=row["effective_at"],
            message_id=row["message_id"],
        )
        by_actor.setdefault(row["actor"], []).append(change)
    asking: _Asking = []
    for name, changes in by_actor.items():
        results = change_trades(changes=changes, actor=Actor(name), at=at)
        made = list(zip(changes, results, strict=True))
        asking += [(change, Actor(name)) for change, result in made if needs_approval(result.problem)]
        _settle([each for each in made if not needs_approval(each[1].problem)], Actor(name), at)
    return {row["message_id"] for row in rows}, asking


def _settle(made: Sequence[tuple[Change, Changed]], actor: Actor, at: datetime) -> None:
    """Note what became of changes that are not applied: some come to nothing, of others a person must know."""
    unmade = [(change, result) for change, result in made if result.outcome is not Outcome.CHANGED]
    drop([change.message_id or 0 for change, result in unmade if result.problem is None])
    refused = [(change, result.problem) for change, result in unmade if result.problem is not None]
    if refused:
        refuse_changes(refused=refused, actor=actor, at=at)


def _propose(asking: _Asking, now: datetime) -> None:
    """Put the first of the changes of each trade that need two people before them."""
    first: dict[int, tuple[Change, Actor]] = {}
    for change, actor in sorted(asking, key=lambda each: each[0].source_version or 0):
        first.setdefault(change.trade_id, (change, actor))
    for _, (change, actor) in sorted(first.items()):
        try:
            with transaction.atomic():
                propose_change(change=change, actor=actor, now=now, client_id=_client(actor))
        except Problem as problem:
            refuse_changes(refused=[(change, problem)], actor=actor, at=now)


def _client(actor: Actor) -> int:
    """Return the API client that an actor is; Problem 409 when there is none of its name any more."""
    found = sql.row("SELECT id FROM core_api_client WHERE name = %s", [actor.name.removeprefix("client:")])
    if found is None:
        raise Problem(409, "unknown-client", "It needs two people, and who sent it is not known any more.")
    return int(found[0])
