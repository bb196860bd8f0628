"""Reject: operations refuse a held trade; it is cancelled, and nothing about it is open any more."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core.audit import Actor
from core.http.problem import Problem
from core.text import text_faults
from trades.lifecycle import State, move_trades
from trades.services.allocation import refuse_alone
from trades.services.exceptions import close_exceptions
from trades.services.findings import MOOT, clear_findings
from trades.services.guards import why_fixed
from trades.services.versions import current_versions, lock_held


def reject_trade(*, trade_id: int, version: int, reason: str, actor: Actor, now: datetime) -> None:
    """Cancel a held trade, close its findings as moot and its exceptions.

    version: what the person has seen. Problem 422 without a reason, 404 for an unknown trade, 412 when it
    has another version by now, 409 when it is not held, is a part of a block, or the back office has an instruction
    of it in hand.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "The trade cannot be rejected.", faults=faults)
    reason = reason.strip()
    with transaction.atomic():
        lock_held(trade_id=trade_id, version=version)
        refuse_alone(current_versions(trade_ids=[trade_id])[0]["block_id"])
        if why := why_fixed(trade_id):
            raise Problem(409, "live-instructions", "The trade cannot be rejected now.", detail=why)
        move_trades(
            trade_ids=[trade_id],
            source=State.EXCEPTION,
            target=State.CANCELLED,
            at=now,
            actor=actor,
            reason=reason,
            locked=True,
        )
        clear_findings(trade_ids=[trade_id], closing=MOOT, at=now)
        close_exceptions(
            trade_ids=[trade_id],
            resolution=f"rejected: {reason}",
            closed_by=actor,
            at=now,
        )
