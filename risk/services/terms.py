"""The terms of limits: made and changed by two people, and exceeded for a while by what two people approve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.clock import business_date
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.money import format_number, is_currency
from core.text import text_faults
from core.wake import wake_on_commit
from risk.checks._composition import DIMENSIONS
from risk.measures import MEASURES
from risk.models import Limit
from risk.services.release import note_set

SUBJECT = "limit"
TERMS, EXCESS = "limit.terms", "limit.excess"
KINDS = (TERMS, EXCESS)
RESTATE = "risk.restate_limits"
_HOURS_MAX = 24 * 31
_MARK_END = Decimal("1e20")
_TEXT_MAX = 200

_Client = int | None


@dataclass(frozen=True, slots=True)
class Terms:
    """All that people say of a limit, found by its code. Marks are in `currency` (empty: the base currency), or in
    the measure's own unit."""

    code: str
    name: str
    measure: str
    dimensions: tuple[str, ...]
    hard: Decimal
    valid_from: date
    members: tuple[str, ...] = ()
    currency: str = ""
    warn: Decimal | None = None
    floor: Decimal = Decimal(0)
    valid_to: date | None = None
    approver_role: str = ""
    excess_max: Decimal | None = None
    excess_hours: int | None = None

    def content(self) -> dict[str, Any]:
        """Return the terms as data for JSON, numbers as strings without zeros at the end."""
        return {
            "code": self.code,
            "name": self.name,
            "measure": self.measure,
            "dimensions": list(self.dimensions),
            "members": list(self.members),
            "currency": self.currency,
            "warn": format_number(self.warn),
            "hard": format_number(self.hard),
            "floor": format_number(self.floor),
            "valid_from": self.valid_from.isoformat(),
            "valid_to": None if self.valid_to is None else self.valid_to.isoformat(),
            "approver_role": self.approver_role,
            "excess_max": format_number(self.excess_max),
            "excess_hours": self.excess_hours,
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Terms:
        """Return the terms that `content` was made of."""
        numbers = {
            name: None if content[name] is None else Decimal(content[name])
            for name in ("warn", "hard", "floor", "excess_max")
        }
        days = {
            name: None if content[name] is None else date.fromisoformat(content[name])
            for name in ("valid_from", "valid_to")
        }
        lists = {name: tuple(content[name]) for name in ("dimensions", "members")}
        return cls(**{**content, **numbers, **days, **lists})

    @classmethod
    def of(cls, limit: Limit) -> Terms:
        """Return the terms of a stored limit."""
        given = {name: getattr(limit, name) for name in cls.__slots__}
        return cls(**{**given, "dimensions": tuple(limit.dimensions), "members": tuple(limit.members)})


def propose_terms(
    *,
    terms: Terms,
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    client_id: _Client = None,
) -> int:
    """Propose a new limit, or other terms for the one of this code; return the proposal's id.

    Problem 422 naming every fault, 409 when nothing would change or a proposal for the limit waits.
    """
    faults = [*_faults(terms, business_date(now)), *text_faults(reason, pointer="/reason")]
    if faults:
        raise Problem(422, "invalid", "This cannot be a limit.", faults=faults)
    with transaction.atomic():
        limit = Limit.objects.filter(code=terms.code).first()
        before = Terms.of(limit).content() if limit else None
        if before == terms.content():
            raise Problem(409, "nothing-changed", "The limit has these terms already.")
        return four_eyes.propose(
            kind=TERMS,
            subject=SUBJECT,
            subject_id=limit.id if limit else _pending_id(terms.code),
            content={"before": before, "after": terms.content()},
            user=user,
            client_id=client_id,
            reason=reason,
            now=now,
            actor=actor,
        )


_PENDING_ID = """
SELECT subject_id FROM core_proposal
WHERE kind = %s AND subject = %s AND state = 'PENDING' AND content#>>'{after,code}' = %s
UNION ALL SELECT nextval(pg_get_serial_sequence('risk_limit', 'id')) LIMIT 1
"""


def _pending_id(code: str) -> int:
    """Return the id that a limit to be made has: of the code's waiting proposal, which then stands in the way."""
    found = sql.row(_PENDING_ID, [TERMS, SUBJECT, code])
    assert found is not None  # noqa: S101 - a sequence always answers
    return int(found[0])


def apply_terms(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the terms that two people want; Problem 409 when the limit is no longer what it was.

    Its figures are told again from the trades right after, and what it held and may hold no longer is checked again.
    """
    before, after = proposal.content["before"], Terms.read(proposal.content["after"])
    limit = Limit.objects.select_for_update().filter(code=after.code).first()
    if (Terms.of(limit).content() if limit else None) != before:
        raise Problem(409, "limit-changed", "The limit is no longer what it was when this was proposed.")
    if limit is None:
        limit = Limit(id=proposal.subject_id)
    for name in Terms.__slots__:
        value = getattr(after, name)
        setattr(limit, name, list(value) if isinstance(value, tuple) else value)
    limit.save(force_insert=before is None)
    record(
        type="limit.made" if before is None else "limit.changed",
        subject=SUBJECT,
        ids=[limit.id],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={"before": before, "after": after.content()},
    )
    wake_on_commit(RESTATE)
    if before is not None and _may_free(Terms.read(before), after):
        note_set("limits", [limit.id])


# Terms without a part in what a limit holds, or, the marks, in one direction only.
_HOLDS_NOTHING = ("name", "warn", "hard", "approver_role", "excess_max", "excess_hours")


def _may_free(before: Terms, after: Terms) -> bool:
    """Tell whether a change of terms may free what the limit holds: a higher mark, or another scope or time."""
    same = replace(after, **{name: getattr(before, name) for name in _HOLDS_NOTHING})
    return after.hard > before.hard or same != before


def _faults(terms: Terms, today: date) -> list[Fault]:
    faults = []
    for name in ("code", "name"):
        text = getattr(terms, name)
        faults += text_faults(text, pointer=f"/{name}")
        if len(text) > _TEXT_MAX:
            faults.append(Fault(f"/{name}", f"At most {_TEXT_MAX} characters.", "too-long"))
    if terms.measure not in MEASURES:
        faults.append(Fault("/measure", f"One of {', '.join(MEASURES)}.", "unknown"))
    faults += [*_scope_faults(terms), *_mark_faults(terms), *_currency_faults(terms, today)]
    if terms.valid_to is not None and terms.valid_to < terms.valid_from:
        faults.append(Fault("/valid_to", "This lies before the first day."))
    if terms.approver_role and not sql.row("SELECT 1 FROM auth_group WHERE name = %s", [terms.approver_role]):
        faults.append(Fault("/approver_role", "There is no such role.", "unknown"))
    return faults


def _scope_faults(terms: Terms) -> list[Fault]:
    faults = []
    if not terms.dimensions:
        faults.append(Fault("/dimensions", f"At least one of {', '.join(DIMENSIONS)}.", "missing"))
    for at, name in enumerate(terms.dimensions):
        if name not in DIMENSIONS:
            faults.append(Fault(f"/dimensions/{at}", f"One of {', '.join(DIMENSIONS)}.", "unknown"))
        elif name in terms.dimensions[:at]:
            faults.append(Fault(f"/dimensions/{at}", "This dimension stands here twice.", "twice"))
    if len(terms.members) > len(terms.dimensions):
        faults.append(Fault("/members", "There are more members than dimensions."))
    faults += [
        Fault(f"/members/{at}", "A code without `|`.")
        for at, member in enumerate(terms.members)
        if not member or "|" in member or "\0" in member or len(member) > _TEXT_MAX
    ]
    return faults


def _mark_faults(terms: Terms) -> list[Fault]:
    faults = []
    for name in ("warn", "hard", "floor", "excess_max"):
        mark = getattr(terms, name)
        if mark is not None and not (mark.is_finite() and 0 <= mark < _MARK_END and mark == round(mark, 2)):
            faults.append(
                Fault(f"/{name}", "An amount, zero or above, with at most two decimal places.", "range")
            )
    if not faults and terms.warn is not None and terms.warn > terms.hard:
        faults.append(Fault("/warn", "This lies above the hard mark."))
    if (terms.excess_max is None) != (terms.excess_hours is None):
        faults.append(Fault("/excess_hours", "How much and for how long go together.", "missing"))
    if terms.excess_hours is not None and not 1 <= terms.excess_hours <= _HOURS_MAX:
        faults.append(Fault("/excess_hours", f"Whole hours, from 1 to {_HOURS_MAX}.", "range"))
    return faults


_RATE = "SELECT 1 FROM refdata_fx_rate WHERE currency = %s AND date <= %s LIMIT 1"


def _currency_faults(terms: Terms, today: date) -> list[Fault]:
    measure = MEASURES.get(terms.measure)
    if not terms.currency or measure is None:
        return []
    if measure.unit != "MONEY" or measure.share:
        return [Fault("/currency", "This measure is not of money.")]
    if not is_currency(terms.currency):
        return [Fault("/currency", "ISO 4217 lists no such currency.", "unknown")]
    if terms.currency != settings.BASE_CURRENCY and not sql.row(_RATE, [terms.currency, today]):
        return [Fault("/currency", "There is no rate to measure this currency by.", "no-rate")]
    return []


def propose_temporary_excess(
    *,
    code: str,
    key: str,
    amount: Decimal,
    hours: int,
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    client_id: _Client = None,
) -> int:
    """Propose that a member of a limit may use more than the hard mark for some hours; return the proposal's id.

    Problem 404 for an unknown limit, 422 for more or longer than the limit lets anybody approve and for a member
    that it has no figure of, 409 when an excess of the limit waits already.
    """
    limit = Limit.objects.filter(code=code).first()
    if limit is None:
        raise not_found("limit")
    faults = text_faults(reason, pointer="/reason")
    if not sql.row("SELECT 1 FROM risk_utilisation WHERE limit_id = %s AND key = %s", [limit.id, key]):
        faults = [Fault("/key", "The limit has no such member.", "unknown"), *faults]
    faults = [*_excess_faults(limit, amount, hours), *faults]
    if faults:
        raise Problem(422, "invalid", "Such an excess cannot be approved.", faults=faults)
    return four_eyes.propose(
        kind=EXCESS,
        subject=SUBJECT,
        subject_id=limit.id,
        content={"code": code, "key": key, "amount": format_number(amount), "hours": hours},
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def _excess_faults(limit: Limit, amount: Decimal, hours: int) -> list[Fault]:
    if limit.excess_max is None or limit.excess_hours is None:
        return [Fault("/amount", "The limit has no excess that anybody may approve.")]
    faults = []
    if not (amount.is_finite() and 0 < amount <= limit.excess_max and amount == round(amount, 2)):
        faults.append(Fault("/amount", f"Above zero, at most {limit.excess_max:,.2f}.", "range"))
    if not 1 <= hours <= limit.excess_hours:
        faults.append(Fault("/hours", f"Whole hours, from 1 to {limit.excess_hours}.", "range"))
    return faults


_HAS_ROLE = """
SELECT 1 FROM auth_user_groups m JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = %s AND g.name = %s
"""
_LIFT = """
INSERT INTO risk_temporary_excess (limit_id, key, amount, valid_from, valid_until, proposal_id)
VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
"""


def apply_temporary_excess(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Lift the hard mark of a member until the excess runs out by itself, and check again what it held.

    Problem 403 unless the one who approves has the role that the limit names, 409 when the limit allows it no more.
    """
    content, limit = proposal.content, Limit.objects.get(id=proposal.subject_id)
    if limit.approver_role and not sql.row(_HAS_ROLE, [proposal.checker_id, limit.approver_role]):
        why = f"An excess of this limit is approved by the role {limit.approver_role}."
        raise Problem(403, "not-your-limit", "Somebody else must approve this excess.", detail=why)
    amount, hours = Decimal(content["amount"]), int(content["hours"])
    if _excess_faults(limit, amount, hours):
        raise Problem(409, "limit-changed", "The limit allows no such excess any more.")
    until = at + timedelta(hours=hours)
    ((lifted,),) = sql.rows(_LIFT, [limit.id, content["key"], amount, at, until, proposal.id])
    record(
        type="limit.excess_approved",
        subject=SUBJECT,
        ids=[limit.id],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={**content, "until": until},
    )
    note_set("excesses", [lifted])
