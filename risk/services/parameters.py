"""How checks are set: versions of their parameters, made by two people, in force from a day on.

A version says all of it: whether the check is active, its severity, its numbers, and which trades it looks at. In
force on a day is the newest version whose day has come, else version 0, what the check declares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DataError, transaction

from core import four_eyes, sql
from core.audit import Actor, encode, record
from core.clock import business_date, day_begins
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.money import format_number
from core.text import text_faults
from risk.checks import CHECKS
from risk.checks._composition import bound_to, composed_statement
from risk.checks._settings import SCOPE_DIMENSIONS, Setting, Severity, declared, is_fixed, shape_of
from risk.checks.base import Check
from risk.services.release import note_set
from trades.products import PRODUCTS

KIND = "check_parameters"
SUBJECT = "check"
SEVERITIES = ("BLOCK", "WARN", "INFO")
BOUNDS = ("0", "1000000000000")  # of a parameter whose check declares none
MEMBERS_MAX = 200  # of one dimension of a scope
_MEMBER_LENGTH = 200
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,10})?")


# --- what is in force


@dataclass(frozen=True)
class _Kept:
    """The settings of one day under one stamp."""

    stamp: tuple[Any, ...] | None
    on: date
    settings: Mapping[str, Setting]


_kept = _Kept(None, date.min, {})
# Rows are only ever added and ids never used twice, so each change is another pair of figures.
_STAMP = "SELECT count(*), max(id) FROM risk_check_parameters"
_COLUMNS = "c.code, p.version, p.is_active, p.severity, p.parameters, p.scope, p.valid_from"
_IN_FORCE = f"""
SELECT DISTINCT ON (c.code) {_COLUMNS}
FROM risk_check_parameters p JOIN risk_check c ON c.id = p.check_id
WHERE p.valid_from <= %s ORDER BY c.code, p.version DESC
"""
_NEWEST = f"""
SELECT {_COLUMNS} FROM risk_check_parameters p JOIN risk_check c ON c.id = p.check_id
WHERE c.code = %s ORDER BY p.version DESC LIMIT 1
"""


def settings_in_force(*, on: date) -> Mapping[str, Setting]:
    """Return how every check is set on a day, by code in the order of the checks.

    A process keeps what it read until a version is added; asking costs one look at a small table.
    """
    global _kept  # noqa: PLW0603 - one reading follows another as a whole
    stamp = sql.row(_STAMP)
    kept = _kept
    if (kept.stamp, kept.on) != (stamp, on):
        versions = {row[0]: setting_of(row) for row in sql.rows(_IN_FORCE, [on]) if row[0] in CHECKS}
        settings = {code: versions.get(code) or declared(check) for code, check in CHECKS.items()}
        kept = _kept = _Kept(stamp, on, settings)
    return kept.settings


def newest_setting(code: str) -> Setting:
    """Return the newest version of how a check is set, in force already or not; Problem 404 for an unknown check."""
    if code not in CHECKS:
        raise not_found("check")
    found = sql.row(_NEWEST, [code])
    return declared(CHECKS[code]) if found is None else setting_of(found)


def setting_of(row: Sequence[Any]) -> Setting:
    """Return a setting from a stored row (code, version, is_active, severity, parameters, scope, valid_from).

    Parameters that the check declares no longer are left out, those it has got since are as it declares.
    """
    code, version, is_active, severity, stored, scope, valid_from = row
    given = sql.json_value(stored)
    return Setting(
        code,
        version,
        is_active,
        severity,
        {name: given.get(name, default) for name, default in CHECKS[code].parameters.items()},
        {name: tuple(members) for name, members in sql.json_value(scope).items()},
        valid_from,
    )


# --- what may be proposed


@dataclass(frozen=True)
class Draft:
    """What somebody wants of a check's setting; None leaves it as the newest version says.

    scope: replaces the whole scope. valid_from: None is the day of the approval.
    """

    is_active: bool | None = None
    severity: str | None = None
    parameters: Mapping[str, str] | None = None
    scope: Mapping[str, Sequence[str]] | None = None
    valid_from: date | None = None


def drafted(*, code: str, draft: Draft, today: date) -> tuple[Setting, Setting]:
    """Return the newest setting of a check and what a draft would make of it, one version later.

    Problem 404 for an unknown check, 422 with every fault of the draft, 409 when it changes nothing.
    """
    before = newest_setting(code)
    faults = _faults(CHECKS[code], draft, today)
    if faults:
        raise Problem(422, "invalid", "The check cannot be set so.", faults=faults)
    given = {
        name: _plain(value)
        for name, value in (draft.parameters or {}).items()
        if Decimal(value) != Decimal(before.parameters[name])  # 0.10 is 0.1
    }
    scope = before.scope if draft.scope is None else _tidy(draft.scope)
    after = Setting(
        code,
        before.version + 1,
        before.is_active if draft.is_active is None else draft.is_active,
        cast(Severity, draft.severity or before.severity),  # one of SEVERITIES
        {**before.parameters, **given},
        scope,
        draft.valid_from,
    )
    if setting_content(after) == setting_content(before):
        raise Problem(409, "nothing-changes", "The check is set so already.")
    _require_runnable(after, today)
    return before, after


def setting_content(setting: Setting) -> dict[str, Any]:
    """Return what a setting says, as data for JSON: without its version and day."""
    return {
        "active": setting.is_active,
        "severity": setting.severity,
        "parameters": dict(setting.parameters),
        "scope": {name: list(members) for name, members in sorted(setting.scope.items())},
    }


def content_setting(code: str, content: Mapping[str, Any], *, version: int) -> Setting:
    """Return the setting that `setting_content` has made data of."""
    row = (
        code,
        version,
        content["active"],
        content["severity"],
        content["parameters"],
        content["scope"],
        None,
    )
    return setting_of(row)


def is_whole(check: Check, name: str) -> bool:
    """Tell whether a parameter counts something, days say: its rule takes it as an integer."""
    rule = (check.condition, check.rows, check.subject, check.expected, check.actual)
    return any(f"{{{name}}}::int" in each for each in rule)


def _faults(check: Check, draft: Draft, today: date) -> list[Fault]:
    faults = [
        fault
        for name, value in (draft.parameters or {}).items()
        for fault in _number_faults(check, name, value)
    ]
    if draft.severity is not None and draft.severity not in SEVERITIES:
        faults.append(Fault("/severity", f"One of {', '.join(SEVERITIES)}.", "unknown"))
    if draft.valid_from is not None and draft.valid_from < today:
        faults.append(Fault("/valid_from", "What was found in the past stays found: today or later.", "past"))
    faults += _scope_faults(draft.scope or {})
    if is_fixed(check):
        why = f"{check.code} must block every trade: what comes later relies on it."
        asked = {
            "/active": draft.is_active is False,
            "/severity": draft.severity in SEVERITIES and draft.severity != "BLOCK",
            "/scope": bool(draft.scope),
        }
        faults += [Fault(pointer, why, "fixed") for pointer, is_asked in asked.items() if is_asked]
    return faults


def _number_faults(check: Check, name: str, value: str) -> list[Fault]:
    pointer = f"/parameters/{name.replace('~', '~0').replace('/', '~1')}"
    if name not in check.parameters:
        return [Fault(pointer, f"{check.code} has no such parameter.", "unknown")]
    if not _NUMBER.fullmatch(value):
        return [Fault(pointer, "A decimal number as text, at most 10 digits after the point.", "type")]
    number = Decimal(value)
    if is_whole(check, name) and number != number.to_integral_value():
        return [Fault(pointer, "A whole number.", "type")]
    least, greatest = check.bounds.get(name, BOUNDS)
    if not Decimal(least) <= number <= Decimal(greatest):
        return [Fault(pointer, f"From {least} to {greatest}.", "range")]
    return []


def _scope_faults(scope: Mapping[str, Sequence[str]]) -> list[Fault]:
    faults = []
    for name, members in scope.items():
        pointer = f"/scope/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in SCOPE_DIMENSIONS:
            faults.append(Fault(pointer, f"One of {', '.join(SCOPE_DIMENSIONS)}.", "unknown"))
        elif not 1 <= len(members) <= MEMBERS_MAX:
            faults.append(Fault(pointer, f"1 to {MEMBERS_MAX} members.", "length"))
        else:
            for at, member in enumerate(members):
                faults += text_faults(member, pointer=f"{pointer}/{at}", most=_MEMBER_LENGTH)
                if name == "product" and member.strip() and member.strip() not in PRODUCTS:
                    faults.append(Fault(f"{pointer}/{at}", f"One of {', '.join(PRODUCTS)}.", "unknown"))
    return faults


def _tidy(scope: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(sorted({member.strip() for member in members})) for name, members in sorted(scope.items())
    }


def _plain(value: str) -> str:
    return format_number(Decimal(value) + 0) or ""  # + 0: there is no minus zero


def _require_runnable(setting: Setting, today: date) -> None:
    """Refuse numbers that PostgreSQL cannot compute with: planned now, they cannot stop the checks later.

    A date plus ten billion days, say, is found while the statement is planned, without a trade.
    """
    if not setting.is_active:
        return
    bound = bound_to([], today=today, settings=[setting])
    try:
        with transaction.atomic():
            sql.run(f"EXPLAIN {composed_statement((), shape_of([setting]))}", bound)
    except DataError as error:
        detail = str(error).partition("\n")[0]
        raise Problem(
            422, "invalid", "The check cannot be set so.", faults=[Fault("/parameters", detail, "range")]
        ) from None


# --- four eyes


def propose_parameters(
    *,
    code: str,
    draft: Draft,
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose the next version of how a check is set, for a second person to approve; return the proposal's id.

    Its maker is a person (`user`) or an API client (`client_id`). Problem 404, 409 and 422 as `drafted` refuses,
    409 when another proposal for the check waits, 422 without a reason.
    """
    with transaction.atomic():
        before, after = drafted(code=code, draft=draft, today=business_date(now))
        content = {
            "code": code,
            "before": setting_content(before),
            "after": setting_content(after),
            "valid_from": draft.valid_from,
        }
        return four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=_registered(code),
            content=content,
            user=user,
            client_id=client_id,
            reason=reason,
            now=now,
            actor=actor,
        )


def _registered(code: str) -> int:
    """Return the id of a check, which is given to it when somebody first proposes something for it."""
    sql.run("INSERT INTO risk_check (code) VALUES (%s) ON CONFLICT (code) DO NOTHING", [code])
    found = sql.row("SELECT id FROM risk_check WHERE code = %s", [code])
    assert found is not None  # noqa: S101 - it was just written
    return int(found[0])


def approve_parameters(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Make a proposed version, in force from its day or from now on; refuses as `four_eyes.approve`.

    Problem 409 when the check can no longer be set so.
    """
    return four_eyes.approve(proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND)


def decline_parameters(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Refuse a proposed version; the check stays as it is. Refuses as `four_eyes.decline`."""
    return four_eyes.decline(proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND)


def withdraw_parameters(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Take back one's own proposed version. Refuses as `four_eyes.withdraw`."""
    return four_eyes.withdraw(proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND)


def lock_check(check_id: int) -> None:
    """Lock a check before its proposal: its versions are counted one after the other."""
    sql.run("SELECT 1 FROM risk_check WHERE id = %s FOR UPDATE", [check_id])


_ADD = """
INSERT INTO risk_check_parameters
    (check_id, version, valid_from, is_active, severity, parameters, scope, proposal_id, approved_at)
VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s, %s)
"""


def apply_parameters(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the version of an approved proposal, from its day on: never from a day before the approval.

    What was in force on a day that has passed stays what it was. What the check holds is checked again then.
    """
    content, today = proposal.content, business_date(at)
    code = content["code"]
    after = content["after"]
    try:
        current, setting = drafted(code=code, draft=_draft_of(after), today=today)
    except Problem as problem:
        raise Problem(
            409, "no-longer-possible", "The check can no longer be set so.", faults=problem.faults
        ) from None
    asked = content["valid_from"]
    valid_from = max(today, date.fromisoformat(asked)) if asked else today
    version = current.version + 1
    values = [version, valid_from, setting.is_active, setting.severity]
    stored = [encode(setting.parameters), encode(setting.scope)]
    sql.run(_ADD, [proposal.subject_id, *values, *stored, proposal.id, at])
    record(
        type="check.set",
        subject=SUBJECT,
        ids=[proposal.subject_id],
        versions=[version],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={"code": code, "valid_from": valid_from, "proposal_id": proposal.id, **setting_content(setting)},
    )
    note_set(
        "checks", [proposal.subject_id], not_before=day_begins(valid_from) if valid_from > today else None
    )


def _draft_of(content: Mapping[str, Any]) -> Draft:
    return Draft(content["active"], content["severity"], content["parameters"], content["scope"])
