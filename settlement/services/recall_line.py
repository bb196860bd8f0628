"""Recall of single instructions by operations: before the batch is claimed at once, then by the consumer's consent.

The batch stays what it is, with its line, its sequence number and its manifest. A later batch of the channel cancels
the instruction, and its legs wait to be sealed anew: of one that has settled in part what is left of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core import sql, work
from core.audit import Actor, record
from core.http.problem import Problem, not_found
from core.text import text_faults
from core.wake import wake_on_commit
from settlement.services.advance import TASK as ADVANCE
from settlement.services.advance import trades_behind
from settlement.services.claim import hold_batch
from settlement.services.recall import linked_instructions, net_anew
from settlement.services.recall_asked import ask, require_not_asked
from settlement.services.report import close_fails
from trades.lifecycle import lock_trades

SUBJECT = "instruction"


def linked_to(instruction_ids: Sequence[int]) -> list[int]:
    """Return instructions with all that are done only together with them, in order."""
    return sorted({*instruction_ids, *linked_instructions(instruction_ids)})


_CANCELLED_BY_ITSELF = (
    "SELECT 1 FROM settlement_instruction_state WHERE instruction_id = %s AND cancellation = 'COMPLETED'"
)
_BATCH_OF = "SELECT batch_id FROM settlement_instruction WHERE id = %s"


def recall_instruction(*, instruction_id: int, reason: str, actor: Actor, now: datetime) -> str:
    """Recall an instruction of a batch that nobody has claimed, or ask whoever claimed it last; return RECALLED or
    REQUESTED.

    What is done only together with it is recalled with it, and of what has settled in part the rest. Nobody is asked
    for one that the back office has cancelled by itself. Problem 422 without a reason, 404 for an unknown instruction,
    409 when it or its batch is recalled or asked for already, when it is settled, was rejected or cancelled, or is
    itself a cancellation.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "The instruction was not recalled.", faults=faults)
    batch_of = sql.row(_BATCH_OF, [instruction_id])
    if batch_of is None:
        raise not_found("instruction")
    batch_id = int(batch_of[0])
    with transaction.atomic():
        hold_batches([instruction_id])
        claimed = require_not_asked(batch_id=batch_id, instruction_id=instruction_id)
        require_recallable(instruction_id)
        claimed = claimed and sql.row(_CANCELLED_BY_ITSELF, [instruction_id]) is None
        state = ask(
            batch_id=batch_id,
            instruction_id=instruction_id,
            claimed=claimed,
            reason=reason,
            actor=actor,
            now=now,
        )
        if claimed:
            tell("instruction.recall_requested", instruction_id, reason, actor, now)
        else:
            take_back([instruction_id], actor=actor, now=now, reason=reason)
    return state


def tell(event: str, instruction_id: int, reason: str, actor: Actor, now: datetime) -> None:
    """Tell the log what was asked or answered of an instruction."""
    record(type=event, subject=SUBJECT, ids=[instruction_id], actor=actor, at=now, reason=reason.strip())


_BATCHES_OF = "SELECT DISTINCT batch_id FROM settlement_instruction WHERE id = ANY(%s) ORDER BY batch_id"


def hold_batches(instruction_ids: Sequence[int]) -> None:
    """Lock the batches of instructions, and of all that is done only together with them, in their order."""
    for (batch_id,) in sql.rows(_BATCHES_OF, [linked_to(instruction_ids)]):
        hold_batch(batch_id)


_IN_THE_WAY = """
SELECT i.cancels IS NOT NULL, r.instruction_id IS NOT NULL, s.processing = 'REJECTED', s.settlement = 'CANCELLED',
       s.settlement = 'SETTLED' AND i.direction <> 'NIL'
FROM settlement_instruction i
JOIN settlement_instruction_state s ON s.instruction_id = i.id
LEFT JOIN settlement_recall r ON r.instruction_id = i.id
WHERE i.id = %s
"""
_WHY_NOT = (
    ("is-cancellation", "It is a cancellation: only its whole batch is recalled."),
    ("instruction-recalled", "It is recalled already."),
    ("rejected", "The back office has rejected it: there is nothing to recall."),
    ("cancelled", "The back office has cancelled it."),
    ("settled", "It is settled."),
)


def require_recallable(instruction_id: int) -> None:
    """Raise Problem 409 when an instruction, whose batch is held, cannot be recalled."""
    ((*found,),) = sql.rows(_IN_THE_WAY, [instruction_id])
    for is_so, (code, why) in zip(found, _WHY_NOT, strict=True):
        if is_so:
            raise Problem(409, code, "The instruction cannot be recalled.", detail=why)


_LIVE = """
SELECT i.id FROM settlement_instruction i
JOIN settlement_instruction_state s ON s.instruction_id = i.id
WHERE i.id = ANY(%s) AND i.cancels IS NULL AND s.processing <> 'REJECTED' AND s.settlement <> 'CANCELLED'
  AND (s.settlement <> 'SETTLED' OR i.direction = 'NIL')
  AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id)
ORDER BY i.id FOR UPDATE OF s
"""
# All trades behind it are its causes: a cancellation that the back office rejects is an exception of each.
_MARK = """
INSERT INTO settlement_recall (instruction_id, cause_ids, recalled_at, recalled_by, remainder)
SELECT i.id, ARRAY(SELECT DISTINCT unnest(i.trade_ids) ORDER BY 1), %(at)s, %(actor)s,
       CASE WHEN s.settlement = 'PARTIAL' THEN i.quantity - s.settled_quantity END
FROM settlement_instruction i JOIN settlement_instruction_state s ON s.instruction_id = i.id
WHERE i.id = ANY(%(ids)s::bigint[]) ORDER BY i.id
ON CONFLICT (instruction_id) DO NOTHING RETURNING instruction_id
"""


def take_back(instruction_ids: Sequence[int], *, actor: Actor, now: datetime, reason: str = "") -> list[int]:
    """Recall instructions whose batches are held, in the caller's transaction; return those that are.

    With all that is done only together with them. What is done with, or recalled already, is left out.
    """
    live = [each for (each,) in sql.rows(_LIVE, [linked_to(instruction_ids)])]
    lock_trades(trades_behind(live))
    marked = sql.rows(_MARK, {"ids": live, "at": now, "actor": actor.name})
    recalled = sorted(each for (each,) in marked)
    if recalled:
        work.enqueue(ADVANCE, recalled)  # a trade whose legs the settled part covers is done
        wake_on_commit(ADVANCE)
        net_anew(recalled, at=now, actor=actor, reason=reason.strip())
        close_fails(recalled, resolution="recalled", actor=actor, now=now)
    return recalled
