"""How things are valued: how old a price or rate may be, and what articles cost. Set by two people."""

from __future__ import annotations

from collections.abc import Mapping
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
from core.text import text_faults
from ledger.models import ValuationRule
from ledger.selectors.valuation import CODES, days_of
from ledger.services.profit_adjustments import subject_number
from ledger.services.profit_run import lock_profit
from refdata.models import Instrument
from refdata.services import KINDS, load_rows

KIND = "valuation.change"
SUBJECT = "valuation"
RULES, COSTS = "valuation-rules", "standard-costs"
DAYS_MAX = 250  # business days
_INVALID = "Things cannot be valued like this."
_STORED = "WHERE t.instrument_id = (SELECT id FROM refdata_instrument WHERE code = %s) ORDER BY t.valid_from"


@dataclass(frozen=True, slots=True)
class Rule:
    """How many business days old a price or rate of a code may be: a product class, FX, or * for every other."""

    code: str
    days: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a unit of an article costs for orders from a day on; in place of what was said from the same day."""

    instrument: str
    valid_from: date
    cost: Decimal
    currency: str


def propose_rule(
    *,
    rule: Rule,
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose how old prices or rates may be, for days told from the approval on; return the proposal's id.

    Problem 422 with every fault, 409 where it is so already or another proposal for the code waits.
    """
    faults = text_faults(reason, pointer="/reason")
    if rule.code not in CODES:
        faults.append(Fault("/code", f"One of {', '.join(CODES)}.", "unknown"))
    if not 0 <= rule.days <= DAYS_MAX:
        faults.append(Fault("/days", f"From 0 to {DAYS_MAX} business days.", "range"))
    if faults:
        raise Problem(422, "invalid", _INVALID, faults=faults)
    before = days_of(rule.code)
    if before == rule.days:
        raise Problem(409, "nothing-changes", "A price or rate of this may be as old already.")
    changes = [{"key": rule.code, "before": {"days": before}, "after": {"days": rule.days}}]
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=subject_number(KIND, RULES, rule.code),
        content={"of_kind": RULES, "of": rule.code, "changes": changes},
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def propose_cost(
    *,
    cost: Cost,
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose what a unit of an article costs from a day on, which may have passed; return the proposal's id.

    Problem 422 with every fault, 409 where it costs so already or another proposal for the article waits.
    """
    faults = text_faults(reason, pointer="/reason")
    row = {
        "instrument": cost.instrument,
        "valid_from": cost.valid_from.isoformat(),
        "cost": format(cost.cost, "f"),
        "currency": cost.currency,
    }
    if not Instrument.objects.filter(code=cost.instrument).exists():
        faults.append(Fault("/instrument", "There is no article of this code.", "unknown"))
        raise Problem(422, "invalid", _INVALID, faults=faults)
    changes, more = _foresee(row, Actor("system:preview"), now)
    if faults or more:
        raise Problem(422, "invalid", _INVALID, faults=[*faults, *more])
    if not changes:
        raise Problem(409, "nothing-changes", "The article costs so already.")
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=subject_number(KIND, COSTS, cost.instrument),
        content={"of_kind": COSTS, "of": cost.instrument, "rows": [row], "changes": changes},
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def apply_valuation(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Let hold what two people want; Problem 409 where it is no longer what it was when it was proposed."""
    content: Mapping[str, Any] = proposal.content
    if content["of_kind"] == RULES:
        _apply_rule(content, proposal, actor, at)
    else:
        _apply_cost(content, proposal, actor, at)


def lock_valuation(subject_id: int) -> None:
    """Take turns with whoever tells a day, so that all of a run goes by the same rules."""
    lock_profit()


def _apply_rule(content: Mapping[str, Any], proposal: Proposal, actor: Actor, at: datetime) -> None:
    (change,) = content["changes"]
    code = content["of"]
    if days_of(code) != change["before"]["days"]:
        raise _changed_meanwhile()
    days = change["after"]["days"]
    ValuationRule.objects.update_or_create(code=code, defaults={"days": days})
    record(
        type="valuation_rule.changed",
        subject=SUBJECT,
        ids=[proposal.subject_id],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={"code": code, "before": change["before"]["days"], "after": days, "proposal_id": proposal.id},
    )


def _apply_cost(content: Mapping[str, Any], proposal: Proposal, actor: Actor, at: datetime) -> None:
    before = _costs_of(content["of"])
    faults = _load(content["rows"], actor, at, proposal.reason)
    if faults:
        raise Problem(409, "invalid", _INVALID, faults=faults)
    if _changes(before, _costs_of(content["of"])) != content["changes"]:
        raise _changed_meanwhile()


def _changed_meanwhile() -> Problem:
    return Problem(409, "changed-meanwhile", "It is no longer what it was when this was proposed.")


def _foresee(row: Mapping[str, Any], actor: Actor, now: datetime) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Return what a cost would change and what is wrong with it; nothing is stored."""
    with transaction.atomic():
        before = _costs_of(row["instrument"])
        faults = _load([row], actor, now, "")
        changes = _changes(before, _costs_of(row["instrument"]))
        transaction.set_rollback(True)
    return changes, faults


def _load(rows: list[Any], actor: Actor, now: datetime, reason: str) -> list[Fault]:
    report = load_rows(kind=COSTS, rows=rows, mode="atomic", actor=actor, now=now, reason=reason)
    return [
        Fault(f"/{fault.field}", fault.detail, fault.code) for each in report.results for fault in each.faults
    ]


def _costs_of(article: str) -> dict[str, dict[str, Any]]:
    """Return what an article costs, by the day from which it does, as data for JSON."""
    kind = KINDS[COSTS]
    rows = [kind.as_row(row) for row in sql.rows(f"{kind.select} {_STORED}", [article])]
    return {
        row["valid_from"].isoformat(): {
            "cost": format(row["cost"].normalize(), "f"),
            "currency": row["currency"],
        }
        for row in rows
    }


def _changes(
    before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    return [
        {"key": day, "before": before.get(day), "after": after[day]}
        for day in sorted(after)
        if before.get(day) != after[day]
    ]
