"""Changes that came before their deal and cannot be applied: a work item that a person sees and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.http.problem import Problem, not_found
from core.text import text_faults
from trades.lifecycle import SUBJECT
from trades.services.change import Change
from trades.services.deadlines import DUE_COLUMNS, Due, deadlines_of
from trades.services.exceptions import NewException, close_exceptions, open_exceptions
from trades.services.kept import Standing, drop, early_changes, refuse
from trades.services.versions import lock_states

CODE = "CHANGE_REFUSED"
EVENT = "trade.change_refused"
ANSWERED = "trade.change_answered"
MAX_SUMMARY = 500

_FACTS = f"""
SELECT s.trade_id, v.base_amount, {", ".join(f"v.{column}" for column in DUE_COLUMNS)}
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id = ANY(%s) ORDER BY s.trade_id
"""


def refuse_changes(*, refused: Sequence[tuple[Change, Problem]], actor: Actor, at: datetime) -> None:
    """Keep early changes as refused, tell the trades' logs why, and open a work item for each trade.

    In the caller's transaction, which has locked the trades. They go their way: the item's deadline is when they must
    be free to leave, so that it is answered before.
    """
    refuse([(change.message_id or 0, _words(change, problem)) for change, problem in refused])
    for change, problem in refused:
        record(
            type=EVENT, subject=SUBJECT, ids=[change.trade_id], actor=actor, at=at, data=problem.document()
        )
    trade_ids = sorted({change.trade_id for change, _ in refused})
    whys: dict[int, list[str]] = {}
    for trade_id, _, why in early_changes(trade_ids, Standing.REFUSED):
        whys.setdefault(trade_id, []).append(why)
    facts = sql.rows(_FACTS, [trade_ids])
    deadlines = deadlines_of({Due(*due) for _, _, *due in facts})
    open_exceptions(
        items=[
            NewException(
                trade_id=trade_id,
                kind="CHANGE",
                codes=[CODE],
                summary=" ".join(whys[trade_id])[:MAX_SUMMARY],
                amount_at_risk=base_amount,
                deadline=deadlines.get(Due(*due)),
            )
            for trade_id, base_amount, *due in facts
        ],
        at=at,
        actor=actor,
    )


def _words(change: Change, problem: Problem) -> str:
    what = "amendment" if change.kind == "AMEND" else "cancellation"
    faults = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in problem.faults)
    told = faults or problem.detail or problem.title
    return f"The {what} {change.source_version}, which came before its deal, cannot be applied: {told}"


def answer_refused(*, trade_id: int, reason: str, actor: Actor, now: datetime) -> int:
    """Close the work item of a trade's refused changes, which come to nothing; return how many they are.

    Whatever the front office meant has been seen to: the trade was amended or cancelled by hand, or is right as it is.
    Problem 422 without a reason, 404 for an unknown trade, 409 when none waits for an answer.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "This cannot be answered.", faults=faults)
    reason = reason.strip()
    with transaction.atomic():
        if trade_id not in lock_states(trade_ids=[trade_id]):
            raise not_found("trade")
        waiting = [message_id for _, message_id, _ in early_changes([trade_id], Standing.REFUSED)]
        if not waiting:
            raise Problem(409, "nothing-refused", "No change of the trade waits for an answer.")
        drop(waiting)
        close_exceptions(
            trade_ids=[trade_id],
            kinds=["CHANGE"],
            resolution=f"answered: {reason}",
            closed_by=actor,
            at=now,
        )
        record(type=ANSWERED, subject=SUBJECT, ids=[trade_id], actor=actor, at=now, reason=reason)
    return len(waiting)
