"""Recall of a whole batch by operations: before anybody has claimed it at once, afterwards by the consumer's consent.

The batch stays in its channel's sequence, with its bytes and its manifest, as recalled: nobody claims or pulls it any
more. The legs in it wait to be sealed anew, and what it would have cancelled is cancelled by a later batch.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.http.authentication import Client
from core.http.problem import Problem, not_found
from core.text import text_faults
from settlement.services.advance import trades_behind
from settlement.services.claim import hold_batch
from settlement.services.recall import net_anew, recall_linked
from settlement.services.release import void_release
from settlement.services.report import close_fails
from settlement.services.seal import BATCH
from trades.lifecycle import lock_trades

REQUESTED, RECALLED, REFUSED = "REQUESTED", "RECALLED", "REFUSED"

_STATE = "SELECT claimed_at, recalled_at FROM settlement_batch_state WHERE batch_id = %s"
_LAST_CLIENT = "SELECT client_id FROM settlement_batch_claim WHERE batch_id = %s ORDER BY id DESC LIMIT 1"
_ASK = """
INSERT INTO settlement_batch_recall
    (batch_id, state, reason, requested_by, requested_at, client_id, answered_by, answered_at, answer_reason)
VALUES (%s, %s, %s, %s, %s, %s, '', NULL, '')
"""


def recall_batch(*, batch_id: int, reason: str, actor: Actor, now: datetime) -> str:
    """Recall a batch that nobody has claimed, or ask whoever claimed it last; return RECALLED or REQUESTED.

    Problem 422 without a reason, 404 for an unknown batch, 409 when it is recalled or asked for already, when
    something of it is settled or accepted as cancelled, or when a later batch cancels something of it.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "The batch was not recalled.", faults=faults)
    with transaction.atomic():
        hold_batch(batch_id)
        claimed_at, recalled_at = sql.rows(_STATE, [batch_id])[0]
        if recalled_at is not None:
            raise Problem(409, "batch-recalled", "The batch is recalled already.")
        if sql.row(_REQUEST, [batch_id]) is not None:
            raise Problem(409, "recall-requested", "The consumer is asked already, and has not answered.")
        _require_recallable(batch_id)
        state = RECALLED if claimed_at is None else REQUESTED
        client = None if claimed_at is None else sql.rows(_LAST_CLIENT, [batch_id])[0][0]
        sql.run(_ASK, [batch_id, state, reason.strip(), actor.name, now, client])
        event = "batch.recalled" if claimed_at is None else "batch.recall_requested"
        if claimed_at is None:
            _recall(batch_id, actor, now)
        record(type=event, subject=BATCH, ids=[batch_id], actor=actor, at=now, reason=reason.strip())
    return state


_REQUEST = f"SELECT id FROM settlement_batch_recall WHERE batch_id = %s AND state = '{REQUESTED}'"
_OF_REQUEST = "SELECT batch_id, client_id FROM settlement_batch_recall WHERE id = %s"
_ANSWERED = "SELECT state FROM settlement_batch_recall WHERE id = %s"
_ANSWER = """
UPDATE settlement_batch_recall SET state = %s, answered_by = %s, answered_at = %s, answer_reason = %s WHERE id = %s
"""


def answer_recall(
    *, recall_id: int, consents: bool, reason: str, client: Client, actor: Actor, now: datetime
) -> str:
    """Take the consumer's answer to a request; return RECALLED or REFUSED. The same answer again changes nothing.

    With its consent the batch is recalled at once, and its claim ends. Problem 422 for a refusal without a reason, 404
    for a request that is not the client's to answer, 409 when it was answered otherwise, or when something of the
    batch has settled meanwhile.
    """
    if faults := text_faults(reason, pointer="/reason", required=not consents):
        raise Problem(422, "invalid", "The answer was not taken.", faults=faults)
    wanted = RECALLED if consents else REFUSED
    with transaction.atomic():
        of = sql.row(_OF_REQUEST, [recall_id])
        if of is None or of[1] != client.id:
            raise not_found("recall")
        hold_batch(of[0])
        ((state,),) = sql.rows(_ANSWERED, [recall_id])
        if state == wanted:
            return wanted
        if state != REQUESTED:
            raise Problem(409, "already-answered", f"The request was answered before: {state}.")
        if consents:
            _require_recallable(of[0])
            _recall(of[0], actor, now)
        sql.run(_ANSWER, [wanted, actor.name, now, reason.strip(), recall_id])
        event = "batch.recalled" if consents else "batch.recall_refused"
        record(type=event, subject=BATCH, ids=[of[0]], actor=actor, at=now, reason=reason.strip())
    return wanted


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
_WHY_NOT = (
    ("settled", "Something of the batch is settled, in whole or in part."),
    ("cancelled", "The back office has accepted a cancellation of the batch."),
    ("cancellation-sealed", "A later batch cancels something of this one. Recall that batch first."),
    ("all-rejected", "Everything in the batch is rejected: there is nothing to recall."),
)


def _require_recallable(batch_id: int) -> None:
    ((*found,),) = sql.rows(_IN_THE_WAY, [batch_id])
    for is_so, (code, why) in zip(found, _WHY_NOT, strict=True):
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
_END = """
WITH given_up AS (
    UPDATE settlement_batch_claim SET ended_at = least(%(at)s, expires_at)
    WHERE batch_id = %(batch_id)s AND ended_at IS NULL
), free AS (
    UPDATE settlement_withholding SET ended_at = %(at)s WHERE batch_id = %(batch_id)s AND ended_at IS NULL
)
UPDATE settlement_batch_state SET recalled_at = %(at)s, changed_at = %(at)s WHERE batch_id = %(batch_id)s
"""


def _recall(batch_id: int, actor: Actor, at: datetime) -> None:
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
    sql.run(_END, {"batch_id": batch_id, "at": at})
    void_release(batch_id=batch_id, actor=actor, now=at)
