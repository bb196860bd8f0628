"""Advance: trades follow what the back office does with their instructions, any number at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core import sql, work
from core.audit import Actor
from trades.lifecycle import State, lock_trades, move_trades

TASK = "settlement.advance"
LIMIT = 5_000  # instructions of one claim
_log = logging.getLogger(__name__)


def advance_queued(*, now: datetime, actor: Actor) -> int:
    """Advance the trades behind instructions that wait for it; return how many instructions were claimed.

    What fails is split and tried again later, so that one bad instruction holds up nothing else. What ends its
    worker again and again is set aside.
    """
    with transaction.atomic():
        claimed = work.claim(TASK, limit=LIMIT, now=now)
        if not claimed:
            return claimed.put_back
        if claimed.deadly:
            _log.error("advancing the instruction %d ends the worker: it is set aside", *claimed.subject_ids)
            work.set_aside(claimed)
            return len(claimed.subject_ids)
        try:
            with transaction.atomic():
                advance_trades(instruction_ids=claimed.subject_ids, now=now, actor=actor)
        except Exception:
            _log.exception("advancing the trades of %d instructions failed", len(claimed.subject_ids))
            work.postpone(claimed, now=now)
        else:
            work.finish(claimed)
    return len(claimed.subject_ids)


_BEHIND = """
SELECT DISTINCT unnest(trade_ids) FROM settlement_instruction WHERE id = ANY(%s)
"""


def trades_behind(instruction_ids: Sequence[int]) -> list[int]:
    """Return the trades that have a leg in any of the instructions, in order."""
    return sorted(trade_id for (trade_id,) in sql.rows(_BEHIND, [list(instruction_ids)]))


# A rejected or recalled instruction is dead: its legs are instructed again. One that had settled in part when it was
# recalled has done its part. A leg without an instruction waits for its day.
_STANDING = """
SELECT o.trade_id, bool_and(b.claimed_at IS NOT NULL) AS claimed,
       bool_and(s.processing = 'ACCEPTED') AND NOT bool_or(o.instruction_id IS NULL) AS accepted,
       bool_and(s.settlement = 'SETTLED' OR r.remainder IS NOT NULL) AS settled
FROM settlement_obligation o
JOIN trades_state t ON t.trade_id = o.trade_id
LEFT JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id
LEFT JOIN settlement_batch_state b ON b.batch_id = s.batch_id
LEFT JOIN settlement_recall r ON r.instruction_id = o.instruction_id
WHERE o.trade_id = ANY(%s) AND (r.instruction_id IS NULL OR r.remainder IS NOT NULL)
  AND CASE WHEN o.instruction_id IS NULL THEN o.version = t.version ELSE s.processing <> 'REJECTED' END
GROUP BY o.trade_id
"""


def advance_trades(*, instruction_ids: Sequence[int], now: datetime, actor: Actor) -> None:
    """Move the trades behind instructions as far as the back office is with all of theirs.

    HANDED_OFF when every batch of theirs was claimed, ACKNOWLEDGED when every leg's instruction is accepted,
    SETTLED when all are settled. May run twice, or twice at once: it looks at what is, under lock.
    """
    trade_ids = trades_behind(instruction_ids)
    if not trade_ids:
        return
    with transaction.atomic():
        lock_trades(trade_ids)
        standing = sql.rows(_STANDING, [trade_ids])
        for source, target, column in (
            (State.INSTRUCTED, State.HANDED_OFF, 1),
            (State.HANDED_OFF, State.ACKNOWLEDGED, 2),
            (State.ACKNOWLEDGED, State.SETTLED, 3),
        ):
            ready = [row[0] for row in standing if all(row[1 : column + 1])]
            move_trades(trade_ids=ready, source=source, target=target, at=now, actor=actor, locked=True)
