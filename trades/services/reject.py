"""Reject: operations refuse a held trade; it is cancelled, and nothing about it is open any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core.audit import Actor
from core.http.problem import Problem
from core.ids import TRADE, public_id
from core.text import text_faults
from trades.lifecycle import State, move_trades
from trades.services.allocation import refuse_alone
from trades.services.exceptions import close_exceptions
from trades.services.findings import MOOT, clear_findings
from trades.services.guards import why_fixed
from trades.services.versions import current_versions, lock_held, lock_states


def reject_trade(*, trade_id: int, version: int, reason: str, actor: Actor, now: datetime) -> None:
    """Cancel a held trade, close its findings as moot and its exceptions.

    version: what the person has seen. Problem 422 without a reason, 404 for an unknown trade, 412 when it
    has another version by now, 409 when it is not held, is a part of a block, or the back office has an instruction
    of it in hand.
    """
    reason = _stated(reason)
    with transaction.atomic():
        lock_held(trade_id=trade_id, version=version)
        refuse_alone(current_versions(trade_ids=[trade_id])[0]["block_id"])
        if why := why_fixed([trade_id]).get(trade_id):
            raise Problem(409, "live-instructions", "The trade cannot be rejected now.", detail=why)
        _reject([trade_id], reason, actor, now)


def reject_trades(*, trade_ids: Sequence[int], reason: str, actor: Actor, now: datetime) -> dict[int, str]:
    """Cancel those of many trades that are held, as `reject_trade` does; return why the others were not, by trade.

    Problem 422 without a reason.
    """
    reason = _stated(reason)
    with transaction.atomic():
        locked = lock_states(trade_ids=trade_ids)
        refused = {
            trade_id: f"The trade is {locked[trade_id][1].label}."
            if trade_id in locked
            else "There is no such trade."
            for trade_id in trade_ids
            if trade_id not in locked or locked[trade_id][1] != State.EXCEPTION
        }
        left = [trade_id for trade_id in locked if trade_id not in refused]
        refused |= {
            row["trade_id"]: f"The trade is a part of {public_id(TRADE, row['block_id'])}."
            for row in current_versions(trade_ids=left)
            if row["block_id"] is not None
        } | why_fixed(left)
        _reject([trade_id for trade_id in locked if trade_id not in refused], reason, actor, now)
    return refused


def _stated(reason: str) -> str:
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "The trade cannot be rejected.", faults=faults)
    return reason.strip()


def _reject(trade_ids: Sequence[int], reason: str, actor: Actor, now: datetime) -> None:
    """Cancel held trades that are locked."""
    move_trades(
        trade_ids=trade_ids,
        source=State.EXCEPTION,
        target=State.CANCELLED,
        at=now,
        actor=actor,
        reason=reason,
        locked=True,
    )
    clear_findings(trade_ids=trade_ids, closing=MOOT, at=now)
    close_exceptions(trade_ids=trade_ids, resolution=f"rejected: {reason}", closed_by=actor, at=now)
