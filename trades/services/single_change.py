"""One change of one trade, as a person or a front office asks for it: foreseen, made, or put to a second person."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor
from core.http.problem import Problem
from core.models import Proposal
from core.text import text_faults
from trades.lifecycle import SUBJECT, State, lock_trades
from trades.services.amendment import patch_faults
from trades.services.change import NEEDS_APPROVAL, Change, Changed, Outcome, change_trades
from trades.services.supersession import Observation, foresee
from trades.services.versions import base_amount_of, trade_etag

PROPOSAL_KIND = "change"


@dataclass(frozen=True)
class Answered:
    """What a change comes to: the trade afterwards, with its amount in base currency, and all that became different.

    `proposal_id`: it was not made but waits for a second person. `needs_approval`: it would. `amount` is then at
    stake, in base currency (None: not known), and `to_type` says that it must be typed in to ask.
    """

    changed: Changed
    state: State
    etag: str
    effects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    needs_approval: bool = False
    proposal_id: int | None = None
    amount: str | None = None
    to_type: bool = False
    base_amount: Decimal | None = None


def change_trade(
    *,
    change: Change,
    actor: Actor,
    now: datetime,
    dry_run: bool = False,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> Answered:
    """Make a change, say what it would come to (`dry_run`), or put it to a second person where the policy says so.

    A dry run is the change itself, with the checks that would follow, in a transaction that is taken back.
    user, client_id: who asks. Problem 404 for an unknown trade, 412 when it has changed since, 409 when it is
    cancelled, settled or waits for an approval already, 422 with every fault, without a reason, without the amount at
    stake where an approval takes it, or when nothing would change.
    """
    faults = text_faults(change.reason, pointer="/reason")
    if change.kind == "AMEND":
        faults += patch_faults(change.changes)
    if faults:
        raise Problem(422, "invalid", "The trade cannot be changed like this.", faults=faults)
    with transaction.atomic():
        lock_trades([change.trade_id])
        made = _attempt(change, actor, now, approved=False, keep=not dry_run)
        if made is not None:
            return made
        foreseen = _attempt(change, actor, now, approved=True, keep=False)
        assert foreseen is not None  # noqa: S101 - nothing needs approval twice
        amounts = (base_amount_of(change.trade_id), foreseen.base_amount)
        known = [each for each in amounts if each is not None]
        amount = four_eyes.amount_text(max(known) if len(known) == len(amounts) else None)
        foreseen = replace(
            foreseen,
            needs_approval=True,
            amount=amount,
            to_type=four_eyes.to_type(kind=PROPOSAL_KIND, amount=amount),
        )
        if dry_run:
            return foreseen
        proposal_id = four_eyes.propose(
            kind=PROPOSAL_KIND,
            subject=SUBJECT,
            subject_id=change.trade_id,
            content=_content(change, foreseen, amount),
            typed=change.amount,
            user=user,
            client_id=client_id,
            reason=change.reason,
            now=now,
            actor=actor,
        )
    return replace(foreseen, proposal_id=proposal_id)


def _attempt(change: Change, actor: Actor, now: datetime, *, approved: bool, keep: bool) -> Answered | None:
    """Make a change and look what it comes to; None when it needs two people. Not kept: taken back."""
    with transaction.atomic():
        observation = Observation([change.trade_id], now)
        (changed,) = change_trades(changes=[change], actor=actor, at=now, approved=approved)
        if changed.problem is not None:
            if changed.problem.code == NEEDS_APPROVAL:
                return None
            raise changed.problem
        if not keep and changed.outcome is Outcome.CHANGED:
            foresee(trade_ids=[change.trade_id], at=now)
        state, etag = _standing(change.trade_id)
        answered = Answered(
            changed, state, etag, observation.effects(), base_amount=base_amount_of(change.trade_id)
        )
        transaction.set_rollback(not keep)
    return answered


def _standing(trade_id: int) -> tuple[State, str]:
    found = sql.row("SELECT state, version, changed_at FROM trades_state WHERE trade_id = %s", [trade_id])
    assert found is not None  # noqa: S101 - the change has found it
    return State(found[0]), trade_etag(found[1], found[2])


def _content(change: Change, foreseen: Answered, amount: str | None) -> dict[str, Any]:
    """Return what two people agree on: the change, of which version, and what it comes to as seen by its maker."""
    return {
        "version": foreseen.changed.version - 1,
        "kind": change.kind,
        "changes": change.changes,
        "source_version": change.source_version,
        "effective_at": change.effective_at,
        "told": foreseen.changed.told,
        "effects": foreseen.effects,
        "amount": amount,
    }


def approve_change(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime, typed: str = ""
) -> Proposal:
    """Make what was proposed. Problem 409 when the trade has changed since; else as `four_eyes.approve`."""
    return four_eyes.approve(
        proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=PROPOSAL_KIND, typed=typed
    )


def decline_change(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Refuse what was proposed; the trade stays as it is. Refuses as `four_eyes.decline`."""
    return four_eyes.decline(
        proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=PROPOSAL_KIND
    )


def withdraw_change(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Take back one's own proposal; the trade stays as it is. Refuses as `four_eyes.withdraw`."""
    return four_eyes.withdraw(
        proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=PROPOSAL_KIND
    )


def apply_change(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Make the change of an approved proposal (an effect of the approval)."""
    content = proposal.content
    (current,) = sql.rows("SELECT version FROM trades_state WHERE trade_id = %s", [proposal.subject_id])
    if current != (content["version"],):
        raise Problem(
            409,
            "stale-proposal",
            "The trade has changed since this was proposed.",
            detail="Decline the proposal and make a new one.",
        )
    effective_at = content["effective_at"]
    change = Change(
        kind=content["kind"],
        trade_id=proposal.subject_id,
        reason=proposal.reason,
        changes=content["changes"],
        source_version=content["source_version"],
        effective_at=datetime.fromisoformat(effective_at) if effective_at else None,
    )
    (changed,) = change_trades(changes=[change], actor=actor, at=at, approved=True)
    if changed.problem is not None:
        raise changed.problem


def lock_trade(trade_id: int) -> None:
    """Lock a trade before its proposal, as whatever voids the proposal does."""
    lock_trades([trade_id])
