"""What the back office answers to cancellations: the original is done with, or somebody must look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.http.problem import Problem, not_found
from core.ids import INSTRUCTION, public_id
from core.text import text_faults
from settlement.cut_offs import cut_off_of_batch
from trades.lifecycle import SUBJECT, lock_trades
from trades.services.exceptions import NewException, close_exceptions, open_exceptions
from trades.services.findings import CLEARED, NewFinding, add_findings, clear_findings
from trades.services.versions import lock_states

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
), said AS (
    INSERT INTO settlement_status_report (instruction_id, kind, reason, reported_by, reported_at)
    SELECT instruction_id, 'CANCELLED', '', %(actor)s, %(now)s FROM original ORDER BY instruction_id
), held AS MATERIALIZED (
    SELECT batch_id FROM settlement_batch_state
    WHERE batch_id IN (SELECT batch_id FROM original) ORDER BY batch_id FOR UPDATE
)
UPDATE settlement_batch_state b SET settled = b.settled + n.count, changed_at = %(now)s
FROM (
    SELECT batch_id, count(*) FILTER (WHERE processing = 'ACCEPTED')::int AS count FROM original GROUP BY batch_id
) AS n JOIN held USING (batch_id)
WHERE b.batch_id = n.batch_id
"""


def cancel_originals(accepted: Sequence[int], actor: Actor, now: datetime) -> None:
    """Mark what accepted cancellations cancel, in the caller's transaction: nothing of it settles any more."""
    sql.run(_CANCEL, {"ids": list(accepted), "actor": actor.name, "now": now})


_DEAD = """
SELECT i.id FROM settlement_instruction i LEFT JOIN settlement_recall r ON r.instruction_id = i.id
WHERE i.id = ANY(%s) AND (i.cancels IS NOT NULL OR r.instruction_id IS NOT NULL)
"""


def live_rejections(reasons: Mapping[int, str]) -> dict[int, str]:
    """Return the rejections of instructions that are neither cancellations nor recalled."""
    dead = {instruction_id for (instruction_id,) in sql.rows(_DEAD, [list(reasons)])}
    return {each: reason for each, reason in reasons.items() if each not in dead}


# Whatever the trades behind the original, it is asked by those whose change it was for.
_AGAIN = """
UPDATE settlement_recall r SET cancellation_id = NULL
FROM settlement_obligation o, settlement_instruction_state s, settlement_instruction_state original
WHERE o.trade_id = %(trade)s AND r.instruction_id = o.instruction_id AND r.cause_ids @> ARRAY[%(trade)s::bigint]
  AND s.instruction_id = r.cancellation_id AND s.processing = 'REJECTED'
  AND original.instruction_id = r.instruction_id AND original.settlement <> 'SETTLED'
"""


def cancel_again(*, trade_id: int, reason: str, actor: Actor, now: datetime) -> int:
    """Send the cancellations that the back office rejected for a trade's change once more, with the next batches;
    return how many instructions they are for.

    Their findings and exceptions are closed. Problem 422 without a reason, 404 for an unknown trade, 409 when none
    was rejected or what should be cancelled is settled by now.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "This cannot be asked again.", faults=faults)
    with transaction.atomic():
        if trade_id not in lock_states(trade_ids=[trade_id]):
            raise not_found("trade")
        again = sql.run(_AGAIN, {"trade": trade_id})
        if not again:
            raise Problem(409, "nothing-rejected", "No cancellation of the trade waits to be asked again.")
        clear_findings(trade_ids=[trade_id], closing=CLEARED, at=now, codes=[CODE])
        close_exceptions(
            trade_ids=[trade_id],
            kinds=["REJECTION"],
            resolution=f"cancelled again: {reason.strip()}",
            closed_by=actor,
            at=now,
        )
        record(
            type="trade.cancelled_again",
            subject=SUBJECT,
            ids=[trade_id],
            actor=actor,
            at=now,
            reason=reason.strip(),
        )
    return again


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
