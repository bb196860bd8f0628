"""Holds: a trade, an instruction, or what goes to a counterparty over a channel is kept from being sealed.

One person holds, at once. What is sealed by then and nobody has claimed leaves its batch as a recalled instruction, so
that the others in it are not kept waiting; what somebody has claimed is asked back one by one. One person releases,
but two where the hold keeps back so much that the channel asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.clock import business_date
from core.http.problem import Fault, Problem, not_found
from core.ids import HOLD, INSTRUCTION, TRADE, database_id, public_id
from core.models import Proposal
from core.text import text_faults
from settlement.models import CHANNELS, Channel, Hold
from settlement.services._holding import KEPT_BACK, STILL_UNCLAIMED, sealed_sql
from settlement.services.recall_line import hold_batches, take_back
from settlement.services.seal import wait_for_seals
from trades.lifecycle import State

SUBJECT = "hold"
KIND = "hold.release"
TRADES_MOST = 100_000  # open trades of a counterparty that are looked at for what a hold keeps back
ENDED_AT_ONCE = 1_000
_ASSET_LENGTH_MAX = 64
_OVER = "its last day is over"


@dataclass(frozen=True)
class Wanted:
    """What is to be held. subject: `trd_…`, `ins_…`, or a party's code or LEI; of a counterparty with the channel,
    and the asset where it is only one of them. until: the last day on which it holds."""

    kind: str
    subject: str
    channel: str = ""
    asset: str = ""
    until: date | None = None


@dataclass(frozen=True)
class Made:
    """A hold that was made. `recalled`: the instructions that left unclaimed batches; `claimed`: those that somebody
    has, who can only be asked for them."""

    id: int
    recalled: tuple[int, ...]
    claimed: tuple[int, ...]


_MAKE = """
INSERT INTO settlement_hold (kind, subject_id, channel, asset, reason, until, made_by, made_at, ended_by, end_reason)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '', '')
ON CONFLICT (kind, subject_id, channel, asset) WHERE ended_at IS NULL DO NOTHING RETURNING id
"""


def make_hold(*, wanted: Wanted, reason: str, actor: Actor, now: datetime) -> Made:
    """Hold something at once.

    Problem 422 naming what is wrong with it, or without a reason; 409 when it is held already, or when nothing of it
    can be sealed any more.
    """
    subject_id, faults = _subject(wanted)
    faults += [*_details(wanted, now), *text_faults(reason, pointer="/reason")]
    if faults or subject_id is None:
        raise Problem(422, "invalid", "This cannot be held.", faults=faults)
    with transaction.atomic():
        wait_for_seals()  # one under way takes no notice of the hold: what it seals is taken back below
        _require_open(wanted.kind, subject_id)
        place = [wanted.kind, subject_id, wanted.channel, wanted.asset]
        made = sql.row(_MAKE, [*place, reason.strip(), wanted.until, actor.name, now])
        if made is None:
            raise Problem(409, "held-already", "It is held already.")
        hold = Hold.objects.get(id=made[0])
        _tell("made", hold, actor, now, reason)
        recalled, claimed = _take_back(hold, actor, now)
    return Made(hold.id, tuple(recalled), tuple(claimed))


_PREFIXES = {Hold.Kind.TRADE: TRADE, Hold.Kind.INSTRUCTION: INSTRUCTION}
_EXISTS = {
    Hold.Kind.TRADE: "SELECT trade_id FROM trades_state WHERE trade_id = %s",
    Hold.Kind.INSTRUCTION: "SELECT id FROM settlement_instruction WHERE id = %s",
}
_PARTY = "SELECT id FROM refdata_party WHERE %(name)s IN (code, lei)"


def _subject(wanted: Wanted) -> tuple[int | None, list[Fault]]:
    """Return the id of what is to be held, or what is wrong with how it was named."""
    if wanted.kind not in Hold.Kind.values:
        return None, [Fault("/kind", f"One of {', '.join(Hold.Kind.values)}.", "unknown")]
    if not wanted.subject or "\0" in wanted.subject:
        return None, [Fault("/subject", "This is required.", "missing")]
    kind = Hold.Kind(wanted.kind)
    if kind == Hold.Kind.COUNTERPARTY:
        found = sql.row(_PARTY, {"name": wanted.subject})
    else:
        number = database_id(_PREFIXES[kind], wanted.subject)
        found = None if number is None else sql.row(_EXISTS[kind], [number])
    if found is None:
        return None, [Fault("/subject", f"There is no such {kind.label.lower()}.", "unknown")]
    return int(found[0]), []


def _details(wanted: Wanted, now: datetime) -> list[Fault]:
    faults = []
    if wanted.kind == Hold.Kind.COUNTERPARTY and wanted.channel not in CHANNELS:
        faults.append(Fault("/channel", f"One of {', '.join(CHANNELS)}.", "unknown"))
    if wanted.kind != Hold.Kind.COUNTERPARTY:
        alone = "Only what goes to a counterparty is held by it."
        given = {"channel": wanted.channel, "asset": wanted.asset}
        faults += [Fault(f"/{name}", alone, "not-allowed") for name, value in given.items() if value]
    elif len(wanted.asset) > _ASSET_LENGTH_MAX or "\0" in wanted.asset:
        faults.append(Fault("/asset", f"At most {_ASSET_LENGTH_MAX} characters are allowed.", "length"))
    if wanted.until is not None and wanted.until < business_date(now):
        faults.append(Fault("/until", "The last day of a hold is not in the past.", "range"))
    return faults


_ENDED_TRADE = f"""
SELECT 1 FROM trades_state
WHERE trade_id = %s AND state IN ({State.SETTLED.value}, {State.CANCELLED.value}, {State.ALLOCATED.value})
"""
_DONE_INSTRUCTION = """
SELECT 1 FROM settlement_instruction i JOIN settlement_instruction_state s ON s.instruction_id = i.id
WHERE i.id = %s AND (i.cancels IS NOT NULL OR s.processing = 'REJECTED'
                     OR s.settlement IN ('SETTLED', 'CANCELLED'))
"""
_NOT_OPEN = {Hold.Kind.TRADE: _ENDED_TRADE, Hold.Kind.INSTRUCTION: _DONE_INSTRUCTION}


def _require_open(kind: str, subject_id: int) -> None:
    ended = _NOT_OPEN.get(Hold.Kind(kind))
    if ended is not None and sql.row(ended, [subject_id]):
        raise Problem(409, "nothing-to-hold", "Nothing of it waits to be sealed any more.")


def _take_back(hold: Hold, actor: Actor, now: datetime) -> tuple[list[int], list[int]]:
    """Recall what the hold concerns of unclaimed batches; return that, and what somebody has."""
    place = {"subject": hold.subject_id, "channel": hold.channel, "asset": hold.asset}
    sealed = sql.rows(sealed_sql(hold.kind), place)
    unclaimed = [instruction_id for instruction_id, is_claimed in sealed if not is_claimed]
    hold_batches(unclaimed)
    free = [each for (each,) in sql.rows(STILL_UNCLAIMED, [unclaimed])]
    recalled = take_back(free, actor=actor, now=now, reason=f"held: {hold.reason}")
    return recalled, sorted({each for each, _ in sealed} - set(recalled))


def kept_back(hold: Hold) -> tuple[int, str | None]:
    """Return how many open trades the hold of a counterparty keeps back, and their amount in base currency, as text;
    None where it is not known."""
    given = {"party": hold.subject_id, "channel": hold.channel, "asset": hold.asset, "most": TRADES_MOST}
    ((trades, amount),) = sql.rows(KEPT_BACK, given)
    return trades, four_eyes.amount_text(amount)


def release_hold(
    *,
    hold_id: int,
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    client_id: int | None = None,
) -> int | None:
    """Release a hold, or ask a second person to where the channel wants two; return the proposal's id, or None when
    it is released.

    Problem 404 for an unknown hold, 409 when it has ended or a proposal waits, 422 without a reason.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "The hold was not released.", faults=faults)
    with transaction.atomic():
        hold = _locked(hold_id)
        trades, amount = kept_back(hold) if hold.kind == Hold.Kind.COUNTERPARTY else (0, "0")
        if not _needs_two(hold, amount):
            _end([hold], "released", reason.strip(), actor, now)
            return None
        return four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=hold_id,
            content={**_content(hold), "trades": trades, "amount": amount},
            user=user,
            client_id=client_id,
            reason=reason,
            now=now,
            actor=actor,
        )


def _needs_two(hold: Hold, amount: str | None) -> bool:
    """Tell whether two people release a hold: by what the channel says, of those of counterparties."""
    if hold.kind != Hold.Kind.COUNTERPARTY:
        return False
    from_ = Channel.objects.values_list("hold_release_from", flat=True).get(code=hold.channel)
    return from_ is not None and (amount is None or from_ <= Decimal(amount))


def _content(hold: Hold) -> dict[str, str | None]:
    """Return what a hold keeps back, as data for JSON."""
    return {
        "hold": public_id(HOLD, hold.id),
        "kind": hold.kind,
        "subject": subject_text(hold.kind, hold.subject_id),
        "channel": hold.channel,
        "asset": hold.asset,
        "until": hold.until.isoformat() if hold.until else None,
        "held_because": hold.reason,
    }


def subject_text(kind: str, subject_id: int) -> str:
    """Return how people call what is held: its public id, or the party's code."""
    prefix = _PREFIXES.get(Hold.Kind(kind))
    if prefix is not None:
        return public_id(prefix, subject_id)
    return str(sql.rows("SELECT code FROM refdata_party WHERE id = %s", [subject_id])[0][0])


def lock_hold(hold_id: int) -> None:
    """Lock the hold that a proposal is about, before the proposal itself."""
    Hold.objects.select_for_update().filter(id=hold_id).first()


def apply_release(proposal: Proposal, actor: Actor, now: datetime) -> None:
    """Release a hold that two people want released; Problem 409 when it has ended by now."""
    _end([_locked(proposal.subject_id)], "released", proposal.reason, actor, now)


def _locked(hold_id: int) -> Hold:
    hold = Hold.objects.select_for_update().filter(id=hold_id).first()
    if hold is None:
        raise not_found("hold")
    if hold.ended_at is not None:
        raise Problem(409, "hold-ended", "The hold has ended already.")
    return hold


def expire_holds(*, now: datetime, actor: Actor) -> int:
    """End the holds whose last day is over, ENDED_AT_ONCE at most; return how many. Safe to run twice at once."""
    with transaction.atomic():
        over = (
            Hold.objects.select_for_update(skip_locked=True)
            .filter(ended_at=None, until__lt=business_date(now))
            .order_by("id")[:ENDED_AT_ONCE]
        )
        ended = list(over)
        if ended:
            _end(ended, "expired", _OVER, actor, now)
            four_eyes.void(proposal_ids=_waiting(ended), reason=_OVER, now=now, actor=actor)
    return len(ended)


def _waiting(holds: list[Hold]) -> list[int]:
    found = Proposal.objects.filter(kind=KIND, subject=SUBJECT, subject_id__in=[each.id for each in holds])
    return list(found.filter(state=Proposal.State.PENDING).order_by("id").values_list("id", flat=True))


def _end(holds: list[Hold], how: str, reason: str, actor: Actor, now: datetime) -> None:
    Hold.objects.filter(id__in=[each.id for each in holds]).update(
        ended_at=now, ended_by=actor.name, end_reason=reason
    )
    for hold in holds:
        _tell(how, hold, actor, now, reason)


def _tell(what: str, hold: Hold, actor: Actor, now: datetime, reason: str) -> None:
    """Tell the log of a hold, and in the timeline of the trade where it is of one."""
    subjects = [(f"hold.{what}", SUBJECT, hold.id)]
    if hold.kind == Hold.Kind.TRADE:
        in_its_timeline = "trade.held_back" if what == "made" else "trade.let_go"
        subjects.append((in_its_timeline, "trade", hold.subject_id))
    for event, subject, subject_id in subjects:
        record(
            type=event,
            subject=subject,
            ids=[subject_id],
            actor=actor,
            at=now,
            reason=reason.strip(),
            data=_content(hold),
        )
