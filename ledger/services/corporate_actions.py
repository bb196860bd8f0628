"""Corporate actions: proposed, one or many at once, and set by a second person; corrected and called off likewise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem
from core.models import Proposal
from core.money import format_number, is_currency
from core.text import text_faults
from ledger.actions import Type
from ledger.models import CorporateAction, CorporateActionVersion
from ledger.selectors.actions import newest_action
from ledger.services.posting import lock_positions, retell_later
from refdata.models import Instrument

KIND = "corporate_action"
SUBJECT = "corporate_action"
AT_ONCE = 500  # actions of one file
TYPES = tuple(each.value for each in Type)
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,34}")
_END = Decimal("1e12")
_DECIMALS = 10


@dataclass(frozen=True, slots=True)
class ActionTerms:
    """All that a version of an action says. rate: money a unit, or per cent of nominal where the price is.

    new, old: units after a split for units before. record_date, pay_date: the ex-date where they are left out.
    """

    type: str
    instrument: str
    ex_date: date
    record_date: date
    pay_date: date
    currency: str = ""
    rate: Decimal | None = None
    new: Decimal | None = None
    old: Decimal | None = None
    cancelled: bool = False

    def content(self) -> dict[str, Any]:
        """Return what it says as data for JSON: dates as texts, numbers as strings without zeros at the end."""
        said = {name: getattr(self, name) for name in self.__slots__}
        dates = {name: said[name].isoformat() for name in ("ex_date", "record_date", "pay_date")}
        return {**said, **dates, **{name: format_number(said[name]) for name in ("rate", "new", "old")}}

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> ActionTerms:
        """Return the terms that `content` was made of."""
        dates = {name: date.fromisoformat(content[name]) for name in ("ex_date", "record_date", "pay_date")}
        numbers = {
            name: None if content[name] is None else Decimal(content[name]) for name in ("rate", "new", "old")
        }
        return cls(**{**{name: content[name] for name in cls.__slots__}, **dates, **numbers})


def _faults(reference: str, terms: ActionTerms, before: Mapping[str, Any] | None) -> Iterator[Fault]:
    if not _REFERENCE.fullmatch(reference):
        yield Fault("/reference", "Up to 35 letters, digits, dots, dashes and slashes.")
    if terms.type not in TYPES:
        yield Fault("/type", f"One of {', '.join(TYPES)}.", "unknown")
    if not Instrument.objects.filter(code=terms.instrument).exists():
        yield Fault("/instrument", "There is no instrument of this code.", "unknown")
    for name in ("type", "instrument"):
        if before is not None and before[name] != getattr(terms, name):
            yield Fault(
                f"/{name}", "Another one is another action: call this off, and send that one.", "fixed"
            )
    if before is None and terms.cancelled:
        yield Fault("/cancelled", "There is no such action to call off.", "unknown")
    if terms.pay_date < terms.ex_date:
        yield Fault("/pay_date", "This is before the ex-date.", "range")
    yield from _number_faults(terms)


def _number_faults(terms: ActionTerms) -> Iterator[Fault]:
    wanted, other = (("new", "old"), ("rate",)) if terms.type == Type.SPLF else (("rate",), ("new", "old"))
    for name in wanted:
        number = getattr(terms, name)
        if number is None:
            yield Fault(f"/{name}", "This field is required.", "missing")
        elif not 0 < number < _END or number != round(number, _DECIMALS):
            yield Fault(f"/{name}", f"Above 0, with at most {_DECIMALS} decimal places.", "range")
    for name in other:
        if getattr(terms, name) is not None:
            yield Fault(f"/{name}", f"{terms.type} has none.", "unknown-field")
    if terms.type == Type.SPLF:
        if terms.currency:
            yield Fault("/currency", "A split pays nothing.", "unknown-field")
    elif not is_currency(terms.currency):
        yield Fault("/currency", "ISO 4217 lists no such currency.", "unknown")


def propose_actions(
    *,
    actions: Sequence[tuple[str, ActionTerms]],
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
    pointers: Sequence[str] | None = None,
) -> list[int]:
    """Propose actions by their references, new ones or what shall hold of known ones; return the proposals' ids.

    All or none. pointers: what stands before the pointer of each action's faults. Problem 422 with every fault, 409
    when nothing would change or another proposal for an action waits.
    """
    places = pointers or [""] * len(actions)
    faults = [*text_faults(reason, pointer="/reason")]
    if not 1 <= len(actions) <= AT_ONCE:
        faults.append(Fault("", f"From 1 to {AT_ONCE} actions.", "length"))
    known: dict[str, dict[str, Any] | None] = {}
    for (reference, terms), place in zip(actions[:AT_ONCE], places, strict=False):
        if reference in known:
            faults.append(
                Fault(f"{place}/reference", "This is the reference of another line too.", "repeated")
            )
        known[reference] = newest_action(reference)
        faults += [
            Fault(f"{place}{each.pointer}", each.detail, each.code)
            for each in _faults(reference, terms, known[reference])
        ]
    if faults:
        raise Problem(422, "invalid", "This cannot be a corporate action.", faults=faults)
    with transaction.atomic():
        return [
            _propose(reference, terms, known[reference], reason, now, actor, user, client_id)
            for reference, terms in actions
        ]


def _propose(
    reference: str,
    terms: ActionTerms,
    before: Mapping[str, Any] | None,
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None,
    client_id: int | None,
) -> int:
    if before == terms.content():
        raise Problem(409, "nothing-changes", f"The action {reference} says so already.")
    sql.run(
        "INSERT INTO ledger_corporate_action (reference) VALUES (%s) ON CONFLICT (reference) DO NOTHING",
        [reference],
    )
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=CorporateAction.objects.get(reference=reference).id,
        content={"code": reference, "before": before, "after": terms.content()},
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def lock_all(_: int) -> None:
    """Lock the positions before a proposal: what enters trades must know of the action, or come after it."""
    lock_positions()


def apply_action(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the version of an approved proposal; the positions in its instrument are told again soon.

    Problem 409 when the action is no longer what it was, or can no longer be so.
    """
    content = proposal.content
    reference, terms = content["code"], ActionTerms.read(content["after"])
    before = newest_action(reference)
    if before != content["before"]:
        raise Problem(409, "action-changed", "The action is no longer what it was when this was proposed.")
    if faults := list(_faults(reference, terms, before)):
        raise Problem(409, "no-longer-possible", "The action can no longer be so.", faults=faults)
    version = CorporateActionVersion.objects.filter(action_id=proposal.subject_id).count() + 1
    instrument_id = Instrument.objects.get(code=terms.instrument).id
    CorporateActionVersion(
        action_id=proposal.subject_id,
        version=version,
        type=terms.type,
        instrument_id=instrument_id,
        ex_date=terms.ex_date,
        record_date=terms.record_date,
        pay_date=terms.pay_date,
        currency=terms.currency,
        rate=terms.rate,
        new_quantity=terms.new,
        old_quantity=terms.old,
        is_cancelled=terms.cancelled,
        proposal_id=proposal.id,
        approved_at=at,
    ).save(force_insert=True)
    retell_later(instrument_id=instrument_id)
    record(
        type="corporate_action.set",
        subject=SUBJECT,
        ids=[proposal.subject_id],
        versions=[version],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={"reference": reference, "proposal_id": proposal.id, **terms.content()},
    )
