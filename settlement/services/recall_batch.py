"""Recall of a whole batch by operations: before anybody has claimed it at once, afterwards by the consumer's consent.

The batch stays in its channel's sequence, with its bytes and its manifest, as recalled: nobody claims or pulls it any
more. The legs in it wait to be sealed anew, and what it would have cancelled is cancelled by a later batch.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.http.problem import Problem
from core.text import text_faults
from settlement.services._batch_rows import BATCH
from settlement.services.advance import trades_behind
from settlement.services.claim import hold_batch
from settlement.services.recall import net_anew, recall_linked
from settlement.services.recall_asked import ask, require_not_asked, settle_lines
from settlement.services.release import void_release
from settlement.services.report import close_fails
from trades.lifecycle import lock_trades


def recall_batch(*, batch_id: int, reason: str, actor: Actor, now: datetime) -> str:
    """Recall a batch that nobody has claimed, or ask whoever claimed it last; return RECALLED or REQUESTED.

    Problem 422 without a reason, 404 for an unknown batch, 409 when it is recalled or asked for already, when
    something of it is settled or accepted as cancelled, or when a later batch cancels something of it.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "The batch was not recalled.", faults=faults)
    with transaction.atomic():
        hold_batch(batch_id)
        claimed = require_not_asked(batch_id=batch_id)
        require_batch_recallable(batch_id)
        state = ask(
            batch_id=batch_id, instruction_id=None, claimed=claimed, reason=reason, actor=actor, now=now
        )
        event = "batch.recall_requested" if claimed else "batch.recalled"
        if not claimed:
            take_back_batch(batch_id, actor, now)
        record(type=event, subject=BATCH, ids=[batch_id], actor=actor, at=now, reason=reason.strip())
    return state


# What nets to nothing counts as settled once it is accepted, but nobody has moved anything.
_IN_THE_WAY = """
SELECT bool_or((s.settlement IN ('SETTLED', 'PARTIAL') AND i.direction <> 'NIL' AND i.cancels IS NULL)
               OR coalesce(l.settlement IN ('SETTLED', 'PARTIAL') AND i.cancels IS NULL, false)),
       bool_or(i.cancels IS NOT NULL AND s.processing = 'ACCEPTED'),
       bool_or(c.processing IS NOT NULL AND c.processing <> 'REJECTED' AND c.settlement <> 'CANCELLED'),
       bool_and(s.processing = 'REJECTED')
FROM settlement_instruction i
JOIN settlement_instruction_state s ON s.instruction_id = i.id
LEFT JOIN settlement_recall r ON r.instruction_id = i.id
LEFT JOIN settlement_instruction_state c ON c.instruction_id = r.cancellation_id
LEFT JOIN settlement_instruction_state l ON l.instruction_id = i.linked_id
WHERE i.batch_id = %s
"""
_RECORDS_IN_THE_WAY = "SELECT bool_or(status = 'ACCEPTED') FROM settlement_record WHERE batch_id = %s"
_ACCEPTED = ("accepted", "The back office has accepted something of the batch, and booked it.")
_WHY_NOT = (
    ("settled", "Something of the batch is settled, in whole or in part."),
    ("cancelled", "The back office has accepted a cancellation of the batch."),
    ("cancellation-sealed", "A later batch cancels something of this one. Recall that batch first."),
    ("all-rejected", "Everything in the batch is rejected: there is nothing to recall."),
)


def require_batch_recallable(batch_id: int) -> None:
    """Raise Problem 409 when a batch that is held cannot be recalled."""
    ((*found,),) = sql.rows(_IN_THE_WAY, [batch_id])
    records = sql.rows(_RECORDS_IN_THE_WAY, [batch_id])
    for is_so, (code, why) in (*zip(found, _WHY_NOT, strict=True), (records[0][0], _ACCEPTED)):
        if is_so:
            raise Problem(409, code, "The batch cannot be recalled.", detail=why)


_LIVE = """
SELECT i.id, i.cancels FROM settlement_instruction i
JOIN settlement_instruction_state s ON s.instruction_id = i.id AND s.processing <> 'REJECTED'
WHERE i.batch_id = %s ORDER BY i.id FOR UPDATE OF s
"""
# One that was to be cancelled by a later batch needs that no more; its legs are netted anew already.
_MARK = """
INSERT INTO settlement_recall (instruction_id, cause_ids, recalled_at, recalled_by, with_batch)
SELECT id, '{}', %(at)s, %(actor)s, true FROM unnest(%(ids)s::bigint[]) AS g(id) ORDER BY id
ON CONFLICT (instruction_id) DO UPDATE SET with_batch = true RETURNING instruction_id, xmax = 0
"""
_SAY = """
WITH said AS (
    INSERT INTO settlement_status_report (instruction_id, kind, reason, reported_by, reported_at)
    SELECT id, 'CANCELLED', '', %(actor)s, %(at)s FROM unnest(%(ids)s::bigint[]) AS g(id) ORDER BY id
)
UPDATE settlement_instruction_state SET settlement = 'CANCELLED', changed_at = %(at)s
WHERE instruction_id = ANY(%(ids)s::bigint[])
"""
_CANCEL_AGAIN = "UPDATE settlement_recall SET cancellation_id = NULL WHERE cancellation_id = ANY(%s)"
# Records of other apps are sealed again on a later day.
_RECALL_RECORDS = """
UPDATE settlement_record SET status = 'RECALLED', answered_at = %(at)s,
    answered_xid = pg_current_xact_id()::text::bigint
WHERE batch_id = %(batch_id)s AND status = 'SEALED'
"""
_END = """
WITH given_up AS (
    UPDATE settlement_batch_claim SET ended_at = least(%(at)s, expires_at)
    WHERE batch_id = %(batch_id)s AND ended_at IS NULL
), free AS (
    UPDATE settlement_withholding SET ended_at = %(at)s WHERE batch_id = %(batch_id)s AND ended_at IS NULL
)
UPDATE settlement_batch_state SET recalled_at = %(at)s, changed_at = %(at)s WHERE batch_id = %(batch_id)s
"""


def take_back_batch(batch_id: int, actor: Actor, at: datetime) -> None:
    """Recall a batch that is held, in the caller's transaction: states of instructions first, then trades."""
    live = sql.rows(_LIVE, [batch_id])
    ids = [instruction_id for instruction_id, _ in live]
    lock_trades(trades_behind(ids))
    who = {"at": at, "actor": actor.name}
    marked = sql.rows(_MARK, {"ids": [each for each, cancels in live if cancels is None], **who})
    sql.run(_SAY, {"ids": ids, **who})
    sql.run(_CANCEL_AGAIN, [[each for each, cancels in live if cancels is not None]])
    fresh = sorted(instruction_id for instruction_id, is_fresh in marked if is_fresh)
    net_anew(sorted(fresh + recall_linked(ids, at=at, actor=actor)), at=at, actor=actor)
    close_fails(ids, resolution="recalled", actor=actor, now=at)
    sql.run(_RECALL_RECORDS, {"batch_id": batch_id, "at": at})
    sql.run(_END, {"batch_id": batch_id, "at": at})
    void_release(batch_id=batch_id, actor=actor, now=at)
    settle_lines(batch_id=batch_id, actor=actor, now=at)
