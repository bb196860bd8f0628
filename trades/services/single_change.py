"""One change of one trade, an amendment, a cancellation or an allocation, as a person or a front office asks for it:
foreseen, made, or put to a second person.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from trades.services.allocation import part_ids, read_parts
from trades.services.amendment import patch_faults
from trades.services.change import Change, Changed, Outcome, change_trades, needs_approval
from trades.services.kept import drop, look_again
from trades.services.supersession import Observation, foresee
from trades.services.versions import base_amount_of, trade_etag

PROPOSAL_KIND = "change"


@dataclass(frozen=True)
class PartMade:
    """A part that an allocation has made, as it stands after it. `trade_id`: null where nothing was kept."""

    trade_id: int | None
    source_ref: str
    state: State
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Answered:
    """What a change comes to: the trade afterwards, with its amount in base currency, and all that became different.

    parts: what an allocation makes of the trade. `proposal_id`: it was not made but waits for a second person.
    `needs_approval`: it would. `amount` is then at stake, in base currency (None: not known); `to_type`: it
    must be typed in to ask.
    """

    changed: Changed
    state: State
    etag: str
    effects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    parts: list[PartMade] = field(default_factory=list)
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
    if change.kind == "AMEND" or change.changes is not None:
        faults += patch_faults(change.changes)
    if change.kind == "ALLOCATE":
        faults += read_parts(change.items)[1]
    if faults:
        raise Problem(422, "invalid", "The trade cannot be changed like this.", faults=faults)
    with transaction.atomic():
        lock_trades([change.trade_id])
        made = _attempt(change, actor, now, approved=False, keep=not dry_run)
        if made is not None:
            return made
        if dry_run:
            return _foreseen(change, actor, now)
        return propose_change(change=change, actor=actor, now=now, user=user, client_id=client_id)


def propose_change(
    *,
    change: Change,
    actor: Actor,
    now: datetime,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> Answered:
    """Put a change of a trade that the caller has locked to a second person, in the caller's transaction.

    What came before its deal is put to somebody when the deal comes: nobody is there to type its amount in.
    Problem as `change_trade`, and 409 when it waits for an approval already.
    """
    foreseen = _foreseen(change, actor, now)
    proposal_id = four_eyes.propose(
        kind=PROPOSAL_KIND,
        subject=SUBJECT,
        subject_id=change.trade_id,
        content=_content(change, foreseen, _version(change.trade_id)),
        typed=None if change.message_id is not None else change.amount,
        user=user,
        client_id=client_id,
        reason=change.reason,
        now=now,
        actor=actor,
    )
    return replace(foreseen, proposal_id=proposal_id)


def _foreseen(change: Change, actor: Actor, now: datetime) -> Answered:
    """Return what a change would come to if two people agreed, and what is at stake."""
    before = base_amount_of(change.trade_id)
    foreseen = _attempt(change, actor, now, approved=True, keep=False)
    assert foreseen is not None  # noqa: S101 - nothing needs approval twice
    known = [each for each in (before, foreseen.base_amount) if each is not None]
    amount = four_eyes.amount_text(max(known) if len(known) == 2 else None)
    to_type = four_eyes.to_type(kind=PROPOSAL_KIND, amount=amount)
    return replace(foreseen, needs_approval=True, amount=amount, to_type=to_type)


def _version(trade_id: int) -> int:
    ((version,),) = sql.rows("SELECT version FROM trades_state WHERE trade_id = %s", [trade_id])
    return int(version)


def _attempt(change: Change, actor: Actor, now: datetime, *, approved: bool, keep: bool) -> Answered | None:
    """Make a change and look what it comes to; None when it needs two people. Not kept: taken back."""
    with transaction.atomic():
        family = [change.trade_id]
        if change.kind != "AMEND":
            family += part_ids(family).get(change.trade_id, [])
        observation = Observation(family, now)
        (changed,) = change_trades(changes=[change], actor=actor, at=now, approved=approved)
        if changed.problem is not None:
            if needs_approval(changed.problem):
                return None
            raise changed.problem
        if not keep and changed.outcome is Outcome.CHANGED:
            foresee(trade_ids=[change.trade_id, *changed.parts], at=now)
        state, etag = _standing(change.trade_id)
        answered = Answered(
            changed,
            state,
            etag,
            observation.effects(changed.parts),
            _parts(changed.parts, kept=keep),
            base_amount=base_amount_of(change.trade_id),
        )
        transaction.set_rollback(not keep)
    return answered


def _standing(trade_id: int) -> tuple[State, str]:
    found = sql.row("SELECT state, version, changed_at FROM trades_state WHERE trade_id = %s", [trade_id])
    assert found is not None  # noqa: S101 - the change has found it
    return State(found[0]), trade_etag(found[1], found[2])


_PARTS = """
SELECT v.trade_id, s.state, v.source_ref, v.quantity, v.currency, v.gross_amount, v.net_amount, v.contra_currency,
       v.contra_amount, v.counterparty_ref, v.book_ref
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id = ANY(%s) ORDER BY s.trade_id
"""


def _parts(made: Mapping[int, str], *, kept: bool) -> list[PartMade]:
    return [
        PartMade(row["trade_id"] if kept else None, row["source_ref"], State(row["state"]), row)
        for row in (sql.records(_PARTS, [list(made)]) if made else ())
    ]


def _content(change: Change, foreseen: Answered, seen: int) -> dict[str, Any]:
    """Return what two people agree on: the change, of which version, and what it comes to as seen by its maker."""
    return {
        "version": seen,
        "kind": change.kind,
        "changes": change.changes,
        "items": change.items,
        "source_version": change.source_version,
        "effective_at": change.effective_at,
        "message_id": change.message_id,
        "told": foreseen.changed.told,
        "effects": foreseen.effects,
        "amount": foreseen.amount,
    }


def approve_change(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime, typed: str = ""
) -> Proposal:
    """Make what was proposed. Problem 409 when the trade has changed since; else as `four_eyes.approve`."""
    with transaction.atomic():
        proposal = four_eyes.approve(
            proposal_id=proposal_id,
            user=user,
            note=note,
            now=now,
            actor=actor,
            kind=PROPOSAL_KIND,
            typed=typed,
        )
        look_again([proposal.subject_id])
    return proposal


def decline_change(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Refuse what was proposed; the trade stays as it is. Refuses as `four_eyes.decline`."""
    with transaction.atomic():
        proposal = four_eyes.decline(
            proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=PROPOSAL_KIND
        )
        _let_go(proposal)
    return proposal


def withdraw_change(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Take back one's own proposal; the trade stays as it is. Refuses as `four_eyes.withdraw`."""
    with transaction.atomic():
        proposal = four_eyes.withdraw(
            proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=PROPOSAL_KIND
        )
        _let_go(proposal)
    return proposal


def _let_go(proposal: Proposal) -> None:
    """Drop the early change that was proposed, if it was one, and have the next of the trade looked at."""
    if message_id := proposal.content.get("message_id"):
        drop([message_id])
    look_again([proposal.subject_id])


def apply_change(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Make the change of an approved proposal (an effect of the approval)."""
    content = proposal.content
    if _version(proposal.subject_id) != content["version"]:
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
        items=content.get("items"),
        message_id=content.get("message_id"),
    )
    (changed,) = change_trades(changes=[change], actor=actor, at=at, approved=True)
    if changed.problem is not None:
        raise changed.problem
    if changed.outcome is not Outcome.CHANGED and change.message_id is not None:
        drop([change.message_id])


def lock_trade(trade_id: int) -> None:
    """Lock a trade before its proposal, as whatever voids the proposal does."""
    lock_trades([trade_id])
