"""What operations ask to have back, a batch or one instruction of it, and where that stands."""

from __future__ import annotations

from datetime import datetime

from core import sql
from core.audit import Actor
from core.http.problem import Problem

REQUESTED, RECALLED, REFUSED = "REQUESTED", "RECALLED", "REFUSED"

_STATE = "SELECT claimed_at, recalled_at FROM settlement_batch_state WHERE batch_id = %s"
_WAITS = f"""
SELECT 1 FROM settlement_batch_recall
WHERE batch_id = %s AND state = '{REQUESTED}' AND (instruction_id IS NULL OR instruction_id = %s)
"""


def require_not_asked(*, batch_id: int, instruction_id: int | None = None) -> bool:
    """Return whether anybody has claimed a batch that is held.

    Problem 409 when it is recalled, or when the consumer has yet to answer for it, or for the instruction.
    """
    claimed_at, recalled_at = sql.rows(_STATE, [batch_id])[0]
    if recalled_at is not None:
        raise Problem(409, "batch-recalled", "The batch is recalled already.")
    if sql.row(_WAITS, [batch_id, instruction_id]) is not None:
        raise Problem(409, "recall-requested", "The consumer is asked already, and has not answered.")
    return claimed_at is not None


_ASK = """
INSERT INTO settlement_batch_recall
    (batch_id, instruction_id, state, reason, requested_by, requested_at, client_id, answered_by, answered_at,
     answer_reason)
VALUES (%(batch)s, %(instruction)s, %(state)s, %(reason)s, %(by)s, %(at)s,
        CASE WHEN %(claimed)s THEN (
            SELECT client_id FROM settlement_batch_claim WHERE batch_id = %(batch)s ORDER BY id DESC LIMIT 1) END,
        '', NULL, '')
"""


def ask(
    *, batch_id: int, instruction_id: int | None, claimed: bool, reason: str, actor: Actor, now: datetime
) -> str:
    """Store what is asked for; return RECALLED for a batch that nobody has claimed, else REQUESTED, which whoever
    claimed it last answers."""
    state = REQUESTED if claimed else RECALLED
    given = {"batch": batch_id, "instruction": instruction_id, "state": state, "claimed": claimed}
    sql.run(_ASK, {**given, "reason": reason.strip(), "by": actor.name, "at": now})
    return state


_WITH_ITS_BATCH = f"""
UPDATE settlement_batch_recall
SET state = '{RECALLED}', answered_by = %(by)s, answered_at = %(at)s, answer_reason = 'recalled with its batch'
WHERE batch_id = %(batch)s AND instruction_id IS NOT NULL AND state = '{REQUESTED}'
"""


def settle_lines(*, batch_id: int, actor: Actor, now: datetime) -> None:
    """End what waits for an answer of single instructions of a batch that is recalled as a whole."""
    sql.run(_WITH_ITS_BATCH, {"batch": batch_id, "by": actor.name, "at": now})
