"""Changes of holidays, settlement cycles, cut-offs and channels: made by two people, who both see what they come to.

A proposal is about one calendar, product or channel. What it comes to is observed: the rows are stored, everything is
looked at again, and all of it is undone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.text import text_faults
from refdata.services import KINDS, load_rows
from settlement.services.calendar_effect import Effect, compare, look
from settlement.services.channels import FIELDS, change_channel, channel_faults, channel_row

KIND = "calendar.change"
SUBJECT = "calendar"
MAX_ROWS = 100
CHANNELS = "channels"
# What a proposal of a kind is about: the field that all of its rows share.
OF = {"holidays": "calendar", "settlement-cycles": "product", "cut-offs": "channel", CHANNELS: "channel"}
_MATERIAL = 10  # one part in so many more or less than was shown is shown anew
_COUNTS = ("trades", "deadlines", "cut_offs")


@dataclass(frozen=True)
class Change:
    """Rows of a kind of OF to be stored, as the loader takes them; holidays to be `withdrawn` where that is said."""

    kind: str
    rows: Sequence[Any]
    withdrawn: bool = False


@dataclass(frozen=True)
class Foreseen:
    """What a change would do: the calendar, product or channel, its rows before and after, and what it comes to."""

    of: str
    changes: list[dict[str, Any]]
    effect: Effect


def foresee(*, change: Change, now: datetime) -> Foreseen:
    """Return what a change would do; nothing is stored.

    Problem 422 naming every fault, 409 when nothing would change.
    """
    with transaction.atomic():
        of = _of(change)
        stored, before = _stored(change.kind, of), look(now)
        _apply(change, Actor("system:preview"), now, reason="", status=422)
        changes = _changes(stored, _stored(change.kind, of))
        effect = compare(before, look(now))
        transaction.set_rollback(True)
    if not changes:
        raise Problem(409, "nothing-changes", "It says this already.")
    return Foreseen(of, changes, effect)


def propose_calendar_change(
    *,
    change: Change,
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    client_id: int | None = None,
) -> int:
    """Propose a change for a second person to approve; return the proposal's id.

    Problem 422 and 409 as `foresee` refuses, 422 without a reason, 409 when another proposal waits for the same
    calendar, product or channel.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "This cannot be proposed.", faults=faults)
    foreseen = foresee(change=change, now=now)
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=_number(change.kind, foreseen.of),
        content={
            "of_kind": change.kind,
            "of": foreseen.of,
            "rows": [dict(each) for each in change.rows],
            "withdrawn": change.withdrawn,
            "changes": foreseen.changes,
            "effect": foreseen.effect.summary(),
        },
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def _number(kind: str, of: str) -> int:
    """Return a number of its own for what a proposal is about: no row has an id for a calendar or a product."""
    return int.from_bytes(hashlib.sha256(f"{kind} {of}".encode()).digest()[:7], "big") or 1


def change_of(content: Mapping[str, Any]) -> Change:
    """Return the change that a proposal's content says."""
    return Change(content["of_kind"], content["rows"], content["withdrawn"])


def foresee_proposal(*, content: Mapping[str, Any], now: datetime) -> Foreseen | Problem:
    """Return what a proposal would do now, or why it could not be carried out any more."""
    try:
        return foresee(change=change_of(content), now=now)
    except Problem as problem:
        return problem


def approve_calendar_change(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime, seen: str = ""
) -> Proposal:
    """Store what was proposed; refuses as `four_eyes.approve`.

    seen: the summary of the effect that the approver was shown, as JSON; what the proposal says where it is empty.
    Problem 409 when it comes to materially more or less than that, or when the rows are no longer what they were.
    """
    proposal = Proposal.objects.filter(id=proposal_id, kind=KIND).first()
    if proposal is None:
        raise not_found("proposal")
    shown = proposal.content["effect"]
    with suppress(msgspec.DecodeError):
        shown = msgspec.json.decode(seen) if seen else shown
    waits = proposal.state == Proposal.State.PENDING
    foreseen = foresee_proposal(content=proposal.content, now=now) if waits else None
    if isinstance(foreseen, Foreseen) and materially_other(shown, foreseen.effect.summary()):
        why = "What it comes to has changed since it was shown. Look at it again, then decide."
        raise Problem(409, "effect-changed", "The effect is no longer what was shown.", detail=why)
    return four_eyes.approve(proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND)


def materially_other(shown: Any, now: Mapping[str, Any]) -> bool:
    """Tell whether an effect must be shown anew: one of its counts a tenth more or less."""
    if not isinstance(shown, dict) or not all(isinstance(shown.get(name), int) for name in _COUNTS):
        return True
    return any(abs(now[name] - shown[name]) * _MATERIAL > shown[name] for name in _COUNTS)


def apply_calendar_change(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the rows that two people want; Problem 409 when they would do something else than was proposed."""
    content = proposal.content
    change = change_of(content)
    before = _stored(change.kind, content["of"])
    _apply(change, actor, at, reason=proposal.reason, status=409)
    if _changes(before, _stored(change.kind, content["of"])) != content["changes"]:
        raise Problem(409, "calendar-changed", "It is no longer what it was when this was proposed.")


# --- what is stored


def _of(change: Change) -> str:
    """Return the calendar, product or channel that all rows are about."""
    if change.kind not in OF:
        raise _refused([Fault("/kind", f"One of {', '.join(OF)}.", "unknown")])
    if change.withdrawn and change.kind != "holidays":
        raise _refused([Fault("/withdrawn", "Only holidays are withdrawn; end others by their last day.")])
    if not 1 <= len(change.rows) <= MAX_ROWS:
        raise _refused([Fault("/rows", f"1 to {MAX_ROWS} rows.", "length")])
    name = OF[change.kind]
    named = {each.get(name) if isinstance(each, Mapping) else None for each in change.rows}
    if len(named) != 1 or not all(isinstance(each, str) and each for each in named):
        raise _refused([Fault("/rows", f"All rows have the same {name}.", "scope")])
    return str(named.pop())


def _refused(faults: Sequence[Fault], status: int = 422) -> Problem:
    return Problem(status, "invalid", "It cannot be so.", faults=faults)


def _stored(kind: str, of: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a calendar, product or channel by their keys, as data for JSON."""
    if kind == CHANNELS:
        row = channel_row(of)
        return {} if row is None else {of: _plain(row)}
    declared = KINDS[kind]
    found = sql.rows(f"{declared.select} WHERE t.{OF[kind]} = %s ORDER BY t.id", [of])
    rows = [_plain(declared.as_row(row)) for row in found]
    return {" ".join(str(row[name]) for name in declared.key): row for row in rows}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    if isinstance(value, date | time):
        return value.isoformat()
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def _changes(
    before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    return [
        {"key": key, "before": before.get(key), "after": after.get(key)}
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _apply(change: Change, actor: Actor, now: datetime, *, reason: str, status: int) -> None:
    if change.kind == CHANNELS:
        _apply_channel(change.rows, actor, now, reason, status)
    elif change.withdrawn:
        _withdraw(change.rows, actor, now, reason, status)
    else:
        _load(change, actor, now, reason, status)


def _load(change: Change, actor: Actor, now: datetime, reason: str, status: int) -> None:
    report = load_rows(kind=change.kind, rows=change.rows, mode="atomic", actor=actor, now=now, reason=reason)
    faults = [
        Fault(f"/rows/{each.number - 1}{f'/{fault.field}' if fault.field else ''}", fault.detail, fault.code)
        for each in report.results
        for fault in each.faults
    ]
    if faults:
        raise _refused(faults, status)


_FIND = "SELECT id FROM refdata_holiday WHERE calendar = %s AND date::text = %s"


def _withdraw(rows: Sequence[Any], actor: Actor, now: datetime, reason: str, status: int) -> None:
    """Withdraw holidays: nothing refers to one, and a mistaken one must go."""
    kind = KINDS["holidays"]
    kind.lock()
    found = [sql.row(_FIND, [each["calendar"], str(each.get("date", ""))]) for each in rows]
    faults = [
        Fault(f"/rows/{at}", "There is no such holiday.", "unknown")
        for at, row in enumerate(found)
        if row is None
    ]
    if faults:
        raise _refused(faults, status)
    gone = kind.stored([row[0] for row in found if row is not None])
    record(
        type="holiday.withdrawn",
        subject=kind.subject,
        ids=list(gone),
        actor=actor,
        at=now,
        reason=reason,
        each=[{"before": row, "after": None} for row in gone.values()],
    )
    sql.run("DELETE FROM refdata_holiday WHERE id = ANY(%s)", [list(gone)])


def _apply_channel(rows: Sequence[Any], actor: Actor, now: datetime, reason: str, status: int) -> None:
    faults = [
        Fault(f"/rows/{at}/{name}", why, "invalid")
        for at, row in enumerate(rows)
        for name, why in channel_faults(row)
    ]
    if faults:
        raise _refused(faults, status)
    for row in rows:
        given = {name: row[name] for name in FIELDS if name in row}
        change_channel(code=row["channel"], given=given, actor=actor, now=now, reason=reason)
