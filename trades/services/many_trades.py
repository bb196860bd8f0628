"""One action on many trades, with what becomes of each; previewed by doing it and taking it back.

What is asked, and what a result is, are those of the desk (`trades/services/desk.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from core.audit import Actor
from core.http.problem import Problem
from trades.lifecycle import State
from trades.services.change import Change, Outcome, change_trades, needs_approval
from trades.services.desk import (
    DONE,
    REFUSED,
    UNCHANGED,
    UNKNOWN,
    Action,
    Asked,
    Call,
    Told,
    checked_call,
    moved_since,
)
from trades.services.recheck import recheck_trades
from trades.services.single_change import propose_change
from trades.services.versions import lock_states

PROPOSED = "PROPOSED"
PROPOSED_MAX = 50  # of one run: each is foreseen by itself, and read by the second person
_NO_TRADE = "There is no such trade."
_RECHECKED = (State.EXCEPTION, State.VALIDATED)


def act_on_trades(
    *,
    seen: Mapping[int, str],
    asked: Asked,
    actor: Actor,
    now: datetime,
    dry_run: bool = False,
    room: int = PROPOSED_MAX,
) -> Told:
    """Do one of TRADE_ACTIONS to trades, in one transaction; return the outcome and detail of each, by trade.

    seen: each trade's ETag without its quotes, as somebody saw it. A trade that has changed since is refused: in its
    terms for a re-check, in its terms or state for a cancellation. dry_run: the same, and nothing is kept. room: how
    many cancellations may be put to a second person (PROPOSED), where the policy asks for one.
    Problem 422 with every fault of what is asked.
    """
    call = checked_call(TRADE_ACTIONS, list(seen), asked, actor, now, seen)
    with transaction.atomic():
        told = _cancel(call, room) if asked.action == "cancel" else TRADE_ACTIONS[asked.action].act(call)
        if dry_run:
            transaction.set_rollback(True)
    return told


def _recheck(call: Call) -> Told:
    states = lock_states(trade_ids=call.ids)
    told: Told = {}
    for trade_id in call.ids:
        if trade_id not in states:
            told[trade_id] = (UNKNOWN, _NO_TRADE)
            continue
        version, state = states[trade_id]
        seen = call.seen[trade_id].partition("-")[0]
        if seen and seen != str(version):
            told[trade_id] = (REFUSED, moved_since(seen, version))
        elif state not in _RECHECKED:
            told[trade_id] = (REFUSED, f"The trade is {state.label}.")
    able = [trade_id for trade_id in call.ids if trade_id not in told]
    recheck_trades(trade_ids=able, reason=call.asked.reason.strip(), actor=call.actor, now=call.now)
    return told | dict.fromkeys(able, (DONE, ""))


def _cancel(call: Call, room: int = PROPOSED_MAX) -> Told:
    reason = call.asked.reason.strip()
    changes = [
        Change(
            "CANCEL", trade_id, reason, if_match=[f'"{call.seen[trade_id]}"'] if call.seen[trade_id] else None
        )
        for trade_id in call.ids
    ]
    told: Told = {}
    waiting: list[Change] = []
    made = change_trades(changes=changes, actor=call.actor, at=call.now)
    for change, changed in zip(changes, made, strict=True):
        if changed.problem is None:
            told[change.trade_id] = (DONE if changed.outcome is Outcome.CHANGED else UNCHANGED, "")
        elif needs_approval(changed.problem):
            waiting.append(change)
        else:
            told[change.trade_id] = _refused(changed.problem)
    for change in waiting[:room]:
        told[change.trade_id] = _proposed(change, call)
    full = f"It needs a second person, and one run asks for at most {PROPOSED_MAX} approvals."
    return told | {change.trade_id: (REFUSED, full) for change in waiting[room:]}


def _proposed(change: Change, call: Call) -> tuple[str, str]:
    try:
        with transaction.atomic():
            propose_change(change=change, actor=call.actor, now=call.now, user=call.asked.user)
    except Problem as problem:
        if any(fault.pointer == "/amount" for fault in problem.faults):
            return REFUSED, "It needs a second person and its amount typed in: cancel it on its own page."
        return _refused(problem)
    return PROPOSED, "It waits for a second person."


def _refused(problem: Problem) -> tuple[str, str]:
    if problem.status == 404:
        return UNKNOWN, _NO_TRADE
    return REFUSED, f"{problem.title} {problem.detail}".strip()


TRADE_ACTIONS: dict[str, Action] = {
    "re-check": Action("Re-check", _recheck, ("reason",)),
    "cancel": Action("Cancel", _cancel, ("reason",)),
}
