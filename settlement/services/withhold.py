"""Withholding: batches that nobody has claimed yet are pulled back while trades of theirs must not leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core import sql
from core.audit import Actor, record
from settlement.services._batch_rows import BATCH
from settlement.services.seal import wait_for_seals
from trades.services.guards import held_back

_LOCK_UNCLAIMED = """
SELECT b.id FROM settlement_batch b JOIN settlement_batch_state s ON s.batch_id = b.id
WHERE s.claimed_at IS NULL AND s.recalled_at IS NULL ORDER BY b.id FOR NO KEY UPDATE OF b
"""
_STILL_UNCLAIMED = (
    "SELECT batch_id FROM settlement_batch_state"
    " WHERE batch_id = ANY(%s) AND claimed_at IS NULL AND recalled_at IS NULL"
)
_IN_UNCLAIMED = """(
    SELECT DISTINCT unnest(i.trade_ids) AS trade_id FROM settlement_batch_state s
    JOIN settlement_instruction i ON i.batch_id = s.batch_id WHERE s.claimed_at IS NULL AND s.recalled_at IS NULL
)"""
_WITH_TRADES = """
SELECT DISTINCT batch_id FROM settlement_instruction WHERE batch_id = ANY(%s) AND trade_ids && %s::bigint[]
"""
_BEGIN = """
INSERT INTO settlement_withholding (batch_id, withheld_at) SELECT unnest(%s::bigint[]), %s
ON CONFLICT (batch_id) WHERE ended_at IS NULL DO NOTHING RETURNING batch_id
"""
_END = """
UPDATE settlement_withholding SET ended_at = %s WHERE ended_at IS NULL AND NOT (batch_id = ANY(%s))
RETURNING batch_id
"""


def withhold_batches(at: datetime, actor: Actor) -> None:
    """Withhold the unclaimed batches with trades that must not leave, and give free those that have none any more.

    In the caller's transaction; no seal and no first claim of these batches goes on beside it. Safe to repeat.
    """
    wait_for_seals()
    unclaimed = [batch_id for (batch_id,) in sql.rows(_LOCK_UNCLAIMED)]
    unclaimed = [batch_id for (batch_id,) in sql.rows(_STILL_UNCLAIMED, [unclaimed])]
    stopped = held_back(_IN_UNCLAIMED, sealed=True)
    withheld = [batch_id for (batch_id,) in sql.rows(_WITH_TRADES, [unclaimed, stopped])] if stopped else []
    begun = [batch_id for (batch_id,) in sql.rows(_BEGIN, [withheld, at])]
    ended = [batch_id for (batch_id,) in sql.rows(_END, [at, withheld])]
    _tell("batch.withheld", begun, actor, at)
    _tell("batch.returned", ended, actor, at)


def _tell(event: str, batch_ids: Sequence[int], actor: Actor, at: datetime) -> None:
    record(type=event, subject=BATCH, ids=sorted(batch_ids), actor=actor, at=at)
