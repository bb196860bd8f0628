"""What the back office answers to cancellations: the original is done with, or somebody must look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core import sql
from core.audit import Actor
from core.ids import INSTRUCTION, public_id
from settlement.selectors import cut_off_of_batch
from trades.lifecycle import lock_trades
from trades.services.exceptions import NewException, open_exceptions
from trades.services.findings import NewFinding, add_findings

CODE = "CANCELLATION_REJECTED"

# What was settled meanwhile stays so: the two contradict each other in the open.
_CANCEL = """
WITH original AS MATERIALIZED (
    SELECT s.instruction_id, s.batch_id, s.processing
    FROM settlement_recall r JOIN settlement_instruction_state s ON s.instruction_id = r.instruction_id
    WHERE r.cancellation_id = ANY(%(ids)s::bigint[]) AND s.settlement NOT IN ('SETTLED', 'CANCELLED')
    ORDER BY s.instruction_id FOR UPDATE OF s
), cancelled AS (
    UPDATE settlement_instruction_state s SET settlement = 'CANCELLED', changed_at = %(now)s
    FROM original o WHERE s.instruction_id = o.instruction_id
), held AS MATERIALIZED (
    SELECT batch_id FROM settlement_batch_state
    WHERE batch_id IN (SELECT batch_id FROM original) ORDER BY batch_id FOR UPDATE
)
UPDATE settlement_batch_state b SET settled = b.settled + n.count
FROM (
    SELECT batch_id, count(*) FILTER (WHERE processing = 'ACCEPTED')::int AS count FROM original GROUP BY batch_id
) AS n JOIN held USING (batch_id)
WHERE b.batch_id = n.batch_id
"""


def cancel_originals(accepted: Sequence[int], now: datetime) -> None:
    """Mark what accepted cancellations cancel, in the caller's transaction: nothing of it settles any more."""
    sql.run(_CANCEL, {"ids": list(accepted), "now": now})


_DEAD = """
SELECT i.id FROM settlement_instruction i LEFT JOIN settlement_recall r ON r.instruction_id = i.id
WHERE i.id = ANY(%s) AND (i.cancels IS NOT NULL OR r.instruction_id IS NOT NULL)
"""


def live_rejections(reasons: Mapping[int, str]) -> dict[int, str]:
    """Return the rejections of instructions that are neither cancellations nor recalled."""
    dead = {instruction_id for (instruction_id,) in sql.rows(_DEAD, [list(reasons)])}
    return {each: reason for each, reason in reasons.items() if each not in dead}


_CAUSES = """
SELECT r.cancellation_id, r.instruction_id, s.trade_id, s.version, v.base_amount
FROM settlement_recall r CROSS JOIN LATERAL unnest(r.cause_ids) AS cause(trade_id)
JOIN trades_state s ON s.trade_id = cause.trade_id
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE r.cancellation_id = ANY(%s) ORDER BY s.trade_id, r.cancellation_id
"""


def refuse_cancellations(*, batch_id: int, reasons: Mapping[int, str], actor: Actor, now: datetime) -> None:
    """Open an exception on the trades whose change a rejected cancellation was for, in the caller's transaction.

    reasons: reason code by instruction id, of any kind. The trades' states stay: what replaces the original may be
    done beside it, and a person must settle that with the back office.
    """
    rows = sql.records(_CAUSES, [list(reasons)])
    if not rows:
        return
    lock_trades(sorted({row["trade_id"] for row in rows}))
    add_findings(
        findings=[
            NewFinding(
                trade_id=row["trade_id"],
                version=row["version"],
                code=CODE,
                severity="BLOCK",
                subject=public_id(INSTRUCTION, row["cancellation_id"]),
                message=f"The back office did not cancel {public_id(INSTRUCTION, row['instruction_id'])}:"
                f" {reasons[row['cancellation_id']]}.",
                expected="ACCEPTED",
                actual=reasons[row["cancellation_id"]],
            )
            for row in rows
        ],
        at=now,
    )
    deadline = cut_off_of_batch(batch_id)
    by_trade = {row["trade_id"]: row for row in rows}
    open_exceptions(
        items=[
            NewException(
                trade_id=trade_id,
                kind="REJECTION",
                codes=[CODE],
                summary=f"Cancellation rejected by the back office: {reasons[row['cancellation_id']]}",
                amount_at_risk=row["base_amount"],
                deadline=deadline,
            )
            for trade_id, row in by_trade.items()
        ],
        at=now,
        actor=actor,
    )
