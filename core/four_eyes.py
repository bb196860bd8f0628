"""Four eyes: a change that needs two people is a stored proposal, bound to the hash of its content.

Kinds of change register what happens on approval; it happens in the transaction of the decision. The maker
never decides, whoever it is, and the database refuses it too.

What is at stake, in base currency, stands in the content as `amount` (text, or None where it is not known). From the
amount of the kind's policy on, whoever proposes and whoever approves types it in: so nobody agrees to ten million
who meant ten thousand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import sql
from core.audit import Actor, encode, record
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.money import round_money
from core.notifications import notify
from core.text import text_faults

# What an approval does: given the proposal, who approves and when. It may raise a Problem, which undoes all.
Apply = Callable[[Proposal, Actor, datetime], None]
# Takes, before the proposal's own lock, the locks that `apply` needs, in the order others take them.
Lock = Callable[[int], None]


@dataclass(frozen=True)
class _Kind:
    apply: Apply
    lock: Lock | None
    stakes: bool


_KINDS: dict[str, _Kind] = {}


def on_approval(kind: str, apply: Apply, *, lock: Lock | None = None, stakes: bool = False) -> None:
    """Register a kind of change: what its approval does, and how its subject is locked before.

    stakes: its content says what is at stake, so that a policy may ask for it to be typed in.
    """
    _KINDS[kind] = _Kind(apply, lock, stakes)


def kinds_with_stakes() -> list[str]:
    """Return the kinds of change whose content says what is at stake."""
    return sorted(kind for kind, each in _KINDS.items() if each.stakes)


def amount_text(amount: Decimal | None) -> str | None:
    """Return what is at stake as a content keeps it, and as it is typed in: to the base currency's minor unit."""
    return None if amount is None else format(round_money(amount, settings.BASE_CURRENCY), "f")


def thresholds() -> dict[str, Decimal]:
    """Return from which amount on, in base currency, it must be typed in, by kind of change."""
    found = sql.rows("SELECT kind, typed_from FROM core_approval_policy ORDER BY kind")
    return {kind: typed_from for kind, typed_from in found if kind in _KINDS and _KINDS[kind].stakes}


def to_type(*, kind: str, amount: str | None, among: Mapping[str, Decimal] | None = None) -> bool:
    """Tell whether the amount of a proposal must be typed in. One that is not known counts as above every threshold.

    among: the thresholds, for whoever asks of many proposals and has read them once.
    """
    typed_from = (thresholds() if among is None else among).get(kind)
    return typed_from is not None and (amount is None or Decimal(amount) >= typed_from)


def _typed_faults(kind: str, content: Any, typed: str) -> list[Fault]:
    """Return what is wrong with an amount that was typed in, where it must be."""
    amount = content.get("amount") if isinstance(content, dict) else None
    if not to_type(kind=kind, amount=amount):
        return []
    if amount is None:
        why = "What is at stake is not known in base currency: its rate or price is missing, and comes first."
        return [Fault("/amount", why, "unknown")]
    if not typed.strip():
        return [Fault("/amount", f"Type in the amount at stake, in {settings.BASE_CURRENCY}.", "missing")]
    try:
        same = Decimal(typed.replace(",", "").strip()) == Decimal(amount)
    except InvalidOperation:
        same = False
    return [] if same else [Fault("/amount", "This is not the amount at stake.", "mismatch")]


def content_hash(*, kind: str, subject: str, subject_id: int, content: Any) -> str:
    """Return the SHA-256, in hex, of what is proposed for which subject, as JSON with sorted keys."""
    canonical = msgspec.json.decode(encode([kind, subject, subject_id, content]))
    return hashlib.sha256(msgspec.json.encode(canonical, order="sorted")).hexdigest()


_PROPOSE = """
INSERT INTO core_proposal (kind, subject, subject_id, content, content_hash, maker_id, maker_client_id, reason, made_at,
                           state, decision_note)
VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s, 'PENDING', '')
ON CONFLICT (kind, subject, subject_id) WHERE state = 'PENDING' DO NOTHING
RETURNING id
"""


def propose(
    *,
    kind: str,
    subject: str,
    subject_id: int,
    content: Any,
    user: AbstractBaseUser | None,
    reason: str,
    now: datetime,
    actor: Actor,
    client_id: int | None = None,
    typed: str | None = "",
) -> int:
    """Store a proposal and return its id. `content` is data for JSON without floats.

    Its maker is a person (`user`) or an API client (`client_id`), never both. typed: the amount as it was typed in;
    None where the product itself asks, and nobody is there to type.

    Problem 422 without a reason, or without the amount where the kind's policy asks for it, 409 when another
    proposal of the kind waits for the same subject.
    """
    faults = text_faults(reason, pointer="/reason")
    if typed is not None:
        faults += _typed_faults(kind, content, typed)
    if faults:
        raise _invalid(faults)
    reason = reason.strip()
    digest = content_hash(kind=kind, subject=subject, subject_id=subject_id, content=content)
    with transaction.atomic():
        maker = user.pk if user is not None else None
        made = sql.row(
            _PROPOSE,
            [kind, subject, subject_id, encode(content), digest, maker, client_id, reason, now],
        )
        if made is None:
            raise Problem(409, "pending-proposal", "Another proposal waits for a decision.")
        proposal_id = int(made[0])
        _tell("proposal.made", [(proposal_id, kind, subject, subject_id)], reason, actor, now)
    return proposal_id


def approve(
    *,
    proposal_id: int,
    user: AbstractBaseUser,
    note: str,
    now: datetime,
    actor: Actor,
    kind: str = "",
    typed: str = "",
) -> Proposal:
    """Approve a proposal and do what it says, in one transaction; return it.

    kind: only a proposal of this kind (empty: of any). typed: the amount as it was typed in. Problem 404 for an
    unknown proposal, 403 for its own maker, 409 when it is decided already or its content is not what was proposed,
    422 without the amount where the kind's policy asks for it, and whatever the change itself is refused with: then
    the proposal still waits.
    """
    with transaction.atomic():
        proposal = _to_decide(proposal_id, kind, user, note)
        if faults := _typed_faults(proposal.kind, proposal.content, typed):
            raise _invalid(faults)
        _decide(proposal, Proposal.State.APPROVED, user, note, now)
        _tell_one("proposal.approved", proposal, note, actor, now)
        _KINDS[proposal.kind].apply(proposal, actor, now)
        _tell_maker("proposal_approved", proposal, note, actor, now)
    return proposal


def decline(
    *, proposal_id: int, user: AbstractBaseUser, note: str, now: datetime, actor: Actor, kind: str = ""
) -> Proposal:
    """Decline a proposal, with a note that says why; return it.

    Problem 422 without a note, else as `approve` refuses.
    """
    if faults := text_faults(note, pointer="/note"):
        raise _invalid(faults)
    with transaction.atomic():
        proposal = _to_decide(proposal_id, kind, user, note)
        _decide(proposal, Proposal.State.REJECTED, user, note, now)
        _tell_one("proposal.declined", proposal, note, actor, now)
        _tell_maker("proposal_declined", proposal, note, actor, now)
    return proposal


def withdraw(
    *, proposal_id: int, user: AbstractBaseUser, note: str, now: datetime, actor: Actor, kind: str = ""
) -> Proposal:
    """Take back a proposal that still waits, by whoever made it; return it. The note may be empty.

    Problem 404 for an unknown proposal, 403 for anybody but its maker, 409 when it is decided already.
    """
    if faults := text_faults(note, pointer="/note", required=False):
        raise _invalid(faults)
    with transaction.atomic():
        proposal = _locked(proposal_id, kind)
        if proposal.maker_id != user.pk:
            raise Problem(403, "not-your-proposal", "Only who made a proposal withdraws it.")
        _require_pending(proposal)
        proposal.state = Proposal.State.WITHDRAWN
        proposal.decided_at = now
        proposal.decision_note = note.strip()
        proposal.save(update_fields=["state", "decided_at", "decision_note"])
        _tell_one("proposal.withdrawn", proposal, note, actor, now)
    return proposal


_VOID = """
WITH held AS MATERIALIZED (
    SELECT id FROM core_proposal WHERE id = ANY(%s) AND state = 'PENDING' ORDER BY id FOR UPDATE
)
UPDATE core_proposal p SET state = 'VOID', decided_at = %s, decision_note = %s
FROM held WHERE p.id = held.id RETURNING p.id, p.kind, p.subject, p.subject_id, p.maker_id
"""


def void(*, proposal_ids: Sequence[int], reason: str, now: datetime, actor: Actor) -> list[int]:
    """Void proposals that still wait, because what they were made for is no more; return their ids."""
    if not proposal_ids:
        return []
    with transaction.atomic():
        voided = sorted(sql.rows(_VOID, [list(proposal_ids), now, reason]))
        _tell("proposal.voided", [each[:4] for each in voided], reason, actor, now)
        for proposal_id, _, subject, subject_id, maker_id in voided:
            if maker_id is not None:
                notify(
                    kind="proposal_voided",
                    people=[maker_id],
                    subject=subject,
                    subject_id=subject_id,
                    data={"proposal_id": proposal_id, "why": reason},
                    actor=actor,
                    now=now,
                )
    return [proposal_id for proposal_id, *_ in voided]


def _to_decide(proposal_id: int, kind: str, user: AbstractBaseUser, note: str) -> Proposal:
    """Return a pending proposal, locked, that the user may decide."""
    if faults := text_faults(note, pointer="/note", required=False):
        raise _invalid(faults)
    proposal = _locked(proposal_id, kind)
    if proposal.maker_id == user.pk:
        raise Problem(403, "own-proposal", "Somebody else must decide on your proposal.")
    _require_pending(proposal)
    expected = content_hash(
        kind=proposal.kind,
        subject=proposal.subject,
        subject_id=proposal.subject_id,
        content=proposal.content,
    )
    if expected != proposal.content_hash:
        raise Problem(409, "content-changed", "The proposal is not what its maker proposed.")
    return proposal


def _locked(proposal_id: int, kind: str) -> Proposal:
    """Return a proposal, locked after its subject."""
    found = Proposal.objects.filter(id=proposal_id).first()
    if found is None or (kind and found.kind != kind):
        raise not_found("proposal")
    lock = _KINDS[found.kind].lock
    if lock is not None:
        lock(found.subject_id)
    return Proposal.objects.select_for_update(of=("self",)).get(id=proposal_id)


def _require_pending(proposal: Proposal) -> None:
    if proposal.state != Proposal.State.PENDING:
        state = proposal.get_state_display().lower()
        raise Problem(409, "not-pending", "The proposal is decided already.", detail=f"It is {state}.")


def _decide(proposal: Proposal, state: str, user: AbstractBaseUser, note: str, now: datetime) -> None:
    proposal.state = state
    proposal.checker_id = user.pk
    proposal.decided_at = now
    proposal.decision_note = note.strip()
    proposal.save(update_fields=["state", "checker", "decided_at", "decision_note"])


def _invalid(faults: Sequence[Fault]) -> Problem:
    return Problem(422, "invalid", "This cannot be done like this.", faults=faults)


def _tell_one(type: str, proposal: Proposal, reason: str, actor: Actor, now: datetime) -> None:
    told = (proposal.id, proposal.kind, proposal.subject, proposal.subject_id)
    _tell(type, [told], reason.strip(), actor, now)


def _tell_maker(kind: str, proposal: Proposal, why: str, actor: Actor, now: datetime) -> None:
    """Tell who made a proposal what somebody decided; a client reads it in the feed."""
    by = actor.name.partition(":")[2]
    notify(
        kind=kind,
        people=[] if proposal.maker_id is None else [proposal.maker_id],
        subject=proposal.subject,
        subject_id=proposal.subject_id,
        data={"proposal_id": proposal.id, "by": by, "why": why.strip()},
        actor=actor,
        now=now,
    )


def _tell(type: str, proposals: Sequence[tuple[Any, ...]], reason: str, actor: Actor, now: datetime) -> None:
    """Write an event of the proposal's subject, so that it stands in the subject's own timeline."""
    for proposal_id, kind, subject, subject_id in proposals:
        record(
            type=type,
            subject=subject,
            ids=[subject_id],
            actor=actor,
            at=now,
            reason=reason,
            data={"proposal_id": proposal_id, "kind": kind},
        )
