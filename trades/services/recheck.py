"""Re-check: send trades back to the checks, with what reference data knows by now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core.audit import Actor
from core.http.problem import Problem
from core.text import text_faults
from trades.lifecycle import State, move_trades
from trades.services.enrichment import enrich_again
from trades.services.versions import lock_states


def recheck_trades(*, trade_ids: Sequence[int], reason: str, actor: Actor, now: datetime) -> list[int]:
    """Enrich held and validated trades again and queue them for the checks; return the ids that moved.

    Trades in any other state stay where they are. Repeating a call moves nothing twice. Problem 422 for a
    reason that cannot be stored.
    """
    if faults := text_faults(reason, pointer="/reason", required=False):
        raise Problem(422, "invalid", "The trades cannot be checked again.", faults=faults)
    with transaction.atomic():
        locked = lock_states(trade_ids=trade_ids)
        enrich_again(trade_ids=list(locked), actor=actor, at=now, reason=reason)
        moved: list[int] = []
        for source in (State.EXCEPTION, State.VALIDATED):
            moved += move_trades(
                trade_ids=[trade_id for trade_id, (_, state) in locked.items() if state == source],
                source=source,
                target=State.CAPTURED,
                at=now,
                actor=actor,
                reason=reason,
                locked=True,
            )
    return sorted(moved)
