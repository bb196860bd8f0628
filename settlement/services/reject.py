"""A rejected instruction: every trade behind it becomes an exception that a person must look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core import sql
from core.audit import Actor
from core.ids import INSTRUCTION, public_id
from settlement.cut_offs import cut_off_of_batch
from settlement.services.advance import trades_behind
from settlement.services.cancellation import CODE as CANCELLATION_CODE
from settlement.services.cancellation import live_rejections, refuse_cancellations
from settlement.services.recall import net_anew, recall_linked
from settlement.services.report import close_fails
from trades.lifecycle import State, lock_trades, move_trades
from trades.services.exceptions import NewException, close_exceptions, open_exceptions
from trades.services.findings import CLEARED, NewFinding, add_findings, clear_findings

CODE = "SETTLEMENT_REJECTED"

_TRADES = f"""
SELECT s.trade_id, s.version, s.state, v.base_amount
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id = ANY(%s) AND s.state NOT IN ({State.CANCELLED.value}, {State.ALLOCATED.value})
ORDER BY s.trade_id
"""
_PAIRS = """
SELECT DISTINCT unnest(trade_ids), id FROM settlement_instruction WHERE id = ANY(%s) ORDER BY 1, 2
"""


def reject_trades(*, batch_id: int, reasons: Mapping[int, str], actor: Actor, now: datetime) -> None:
    """Hold every trade behind rejected instructions, in the caller's transaction.

    reasons: reason code by instruction id. Each trade gets a blocking finding for each rejected instruction
    and one open exception. What was instructed or handed off becomes an EXCEPTION, as does
    what was acknowledged before another's change had a leg of it netted anew, and so does what waits for
    its checks, which would let it be instructed again before anybody has looked. What waits for a person
    already only gets the finding and the exception. What is rejected does not fail any more. What it would have been
    settled against is recalled: both are instructed again together.

    A rejected cancellation leaves the states alone: the trades whose change it was for get a finding and an
    exception. What was recalled and is rejected itself is as it should be.
    """
    refuse_cancellations(batch_id=batch_id, reasons=reasons, actor=actor, now=now)
    reasons = live_rejections(reasons)
    if not reasons:
        return
    lock_trades(trades_behind(list(reasons)))
    trades = {row["trade_id"]: row for row in sql.records(_TRADES, [trades_behind(list(reasons))])}
    rejected: dict[int, list[int]] = {}
    for trade_id, instruction_id in sql.rows(_PAIRS, [list(reasons)]):
        if trade_id in trades:
            rejected.setdefault(trade_id, []).append(instruction_id)
    _move(list(trades.values()), actor, now)
    add_findings(
        findings=[
            _finding(trades[trade_id], instruction_id, reasons[instruction_id])
            for trade_id, instructions in rejected.items()
            for instruction_id in instructions
        ],
        at=now,
    )
    deadline = cut_off_of_batch(batch_id)
    open_exceptions(
        items=[
            NewException(
                trade_id=trade_id,
                kind="REJECTION",
                codes=[CODE],
                summary=_summary([reasons[each] for each in instructions]),
                amount_at_risk=trades[trade_id]["base_amount"],
                deadline=deadline,
            )
            for trade_id, instructions in rejected.items()
        ],
        at=now,
        actor=actor,
    )
    close_fails(list(reasons), resolution="rejected", actor=actor, now=now)
    if linked := recall_linked(list(reasons), causes=list(trades), at=now, actor=actor):
        net_anew(linked, except_of=list(trades), at=now, actor=actor)


def answer_rejections(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Close the rejections of trades that somebody sends back to the checks (an effect of the lifecycle): once
    they pass, the rejected legs are instructed again. The checks never close what the back office said."""
    clear_findings(trade_ids=trade_ids, closing=CLEARED, at=at, codes=[CODE, CANCELLATION_CODE])
    close_exceptions(
        trade_ids=trade_ids,
        kinds=["REJECTION"],
        resolution="sent to be instructed again",
        closed_by=actor,
        at=at,
    )


def _move(trades: Sequence[Mapping[str, Any]], actor: Actor, now: datetime) -> None:
    """Move trades to EXCEPTION. One whose other channels are not sealed yet is instructed in part only: it
    goes the way of the instructed."""
    by_state: dict[int, list[int]] = {}
    for trade in trades:
        by_state.setdefault(trade["state"], []).append(trade["trade_id"])
    partly = by_state.get(State.VALIDATED, [])
    instructed = sorted(by_state.get(State.INSTRUCTED, []) + partly)
    for trade_ids, source, target in (
        (partly, State.VALIDATED, State.INSTRUCTED),
        (instructed, State.INSTRUCTED, State.EXCEPTION),
        (by_state.get(State.HANDED_OFF, []), State.HANDED_OFF, State.EXCEPTION),
        (by_state.get(State.ACKNOWLEDGED, []), State.ACKNOWLEDGED, State.EXCEPTION),
    ):
        move_trades(trade_ids=trade_ids, source=source, target=target, at=now, actor=actor, locked=True)
    move_trades(
        trade_ids=by_state.get(State.CAPTURED, []),
        source=State.CAPTURED,
        target=State.EXCEPTION,
        at=now,
        actor=actor,
        checked=False,
        locked=True,
    )


def _finding(trade: Mapping[str, Any], instruction_id: int, reason: str) -> NewFinding:
    reference = public_id(INSTRUCTION, instruction_id)
    return NewFinding(
        trade_id=trade["trade_id"],
        version=trade["version"],
        code=CODE,
        severity="BLOCK",
        subject=reference,
        message=f"The back office rejected the instruction {reference}: {reason}.",
        expected="ACCEPTED",
        actual=reason,
    )


def _summary(reasons: Sequence[str]) -> str:
    return f"Rejected by the back office: {', '.join(sorted(set(reasons)))}"
