"""Changes of reference data: rows of one kind, proposed by one person, approved by another, stored as a whole.

A proposal keeps every row as it was and as it shall be. Its approval goes the way of any load, so that the same rules
hold and the same follows; it is refused where a row is no longer what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.contrib.auth.base_user import AbstractBaseUser

from core import four_eyes, sql
from core.audit import Actor
from core.http.problem import Fault, Problem
from core.models import Proposal
from core.money import format_number
from core.text import text_faults
from refdata.kinds.base import Kind
from refdata.services import Foreseen, Outcome, foresee_rows, kind_of, load_rows

KIND = "reference_change"
SUBJECT = "reference"
MAX_ROWS = 2_000
FIRST = 20  # rows that a proposal is told by; all of them stand on a page of their own
FAULTS_MOST = 50
# What is changed by proposals that tell what they come to (settlement/services).
ELSEWHERE = frozenset({"ssis", "holidays", "settlement-cycles", "cut-offs"})
WIDE = Decimal("0.1")  # a figure that moves by a tenth or more in a day is pointed out


@dataclass(frozen=True, slots=True)
class Move:
    """How far a price or rate is from the last one before its day, in the same currency: a fraction of that."""

    last: Decimal
    on: date
    share: Decimal


@dataclass(frozen=True)
class Change:
    """What becomes of rows of a kind: each as it is foreseen, and by its number how far its figure moves."""

    kind: Kind
    rows: list[Foreseen]
    moves: Mapping[int, Move]

    def count(self, outcome: Outcome) -> int:
        """Return how many rows would have an outcome."""
        return sum(each.result.outcome == outcome for each in self.rows)

    @property
    def changes(self) -> list[dict[str, Any]]:
        """Return the new and changed rows as data for JSON, those with the widest moves first.

        `after` is the whole row, `before` what of it was otherwise, None of a new one.
        """
        told = [each for each in self.rows if each.result.outcome in ("created", "changed")]
        told.sort(key=lambda each: (-self._width(each), each.result.number))
        return [self._told(each) for each in told]

    def _width(self, row: Foreseen) -> Decimal:
        move = self.moves.get(row.result.number)
        return abs(move.share) if move else Decimal(0)

    def _told(self, row: Foreseen) -> dict[str, Any]:
        after, before = plain_row(row.after), row.before and plain_row(row.before)
        move = self.moves.get(row.result.number)
        return {
            "number": row.result.number,
            "before": before and {name: before[name] for name in after if before[name] != after[name]},
            "after": after,
            "move": move
            and {
                "last": format_number(move.last),
                "on": move.on.isoformat(),
                "share": format_number(move.share),
            },
        }


def foresee_change(*, kind: str, rows: Sequence[Any], now: datetime) -> Change:
    """Return what would become of rows, as a load takes them; nothing is stored.

    Problem 404 for an unknown kind, 422 for one that is proposed elsewhere, and for no rows or too many.
    """
    declared = kind_of(kind)
    if kind in ELSEWHERE:
        raise _refused([Fault("/kind", "This has proposals of its own.", "elsewhere")])
    if not 1 <= len(rows) <= MAX_ROWS:
        raise _refused([Fault("/rows", f"1 to {MAX_ROWS:,} rows, not {len(rows):,}.", "length")])
    found = foresee_rows(kind=kind, rows=rows, now=now)
    return Change(declared, found, _moves(declared, found))


def propose_reference_change(
    *,
    kind: str,
    rows: Sequence[Any],
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    file: str = "",
    client_id: int | None = None,
) -> int:
    """Propose rows of a kind for a second person to approve; return the proposal's id.

    file: the name of the file they came in, if any. Problem 422 and 404 as `foresee_change` refuses, 422 with every
    fault of every row and without a reason, 409 when nothing would change or the same rows wait already.
    """
    foreseen = foresee_change(kind=kind, rows=rows, now=now)
    faults = [*row_faults(foreseen.rows), *text_faults(reason, pointer="/reason")]
    if faults:
        raise _refused(faults)
    changes = foreseen.changes
    if not changes:
        raise Problem(409, "nothing-changes", "This is stored so already.")
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=_number(foreseen.kind, changes),
        content={
            "of_kind": kind,
            "file": file,
            "created": foreseen.count("created"),
            "changed": foreseen.count("changed"),
            "wide": sum(abs(each.share) >= WIDE for each in foreseen.moves.values()),
            "first": changes[:FIRST],
            "rows": changes,
        },
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def apply_reference_change(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the rows that two people want.

    Problem 409 naming what differs when a row is no longer what it was, or every fault when it cannot be stored now.
    """
    content = proposal.content
    kind_of(content["of_kind"]).lock()
    if differs := _differences(content, at):
        raise _stale(differs)
    rows = [each["after"] for each in content["rows"]]
    report = load_rows(
        kind=content["of_kind"], rows=rows, mode="atomic", actor=actor, now=at, reason=proposal.reason
    )
    if not report.applied:
        faults = [
            Fault(f"/rows/{each.number - 1}/{fault.field}", fault.detail, fault.code)
            for each in report.results
            for fault in each.faults
        ]
        raise Problem(409, "no-longer-possible", "This cannot be stored any more.", faults=faults)


def standing_of(*, content: Mapping[str, Any], now: datetime) -> Problem | None:
    """Return why a proposal that waits would not be carried out now because rows have moved; None where none has."""
    differs = _differences(content, now)
    return _stale(differs) if differs else None


def row_faults(rows: Sequence[Foreseen]) -> list[Fault]:
    """Return every fault of rows: of one alone by its field, of many by the row's place too."""
    alone = len(rows) == 1
    return [
        Fault(
            "/".join(("", *(() if alone else ("rows", str(row.result.number - 1))), fault.field)),
            fault.detail,
            fault.code,
        )
        for row in rows
        for fault in row.result.faults
    ]


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as data for JSON that a load reads again: decimals and dates as text."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format_number(value)
    return value.isoformat() if isinstance(value, date) else value


# --- what is stored


def stored_row(*, kind: str, key: Mapping[str, str]) -> tuple[int, dict[str, Any]] | None:
    """Return a stored row by the texts of its key, with its id; None where there is none."""
    declared = kind_of(kind)
    conditions, values = [], []
    for name in declared.key:
        each = declared.fields[name]
        try:
            values.append(msgspec.convert(key.get(name, "").replace("\0", ""), each.type, strict=False))
        except msgspec.ValidationError:
            return None
        conditions.append(f"{each.read or f't.{each.column or name}'} = %s")
    found = sql.row(f"{declared.select} WHERE {' AND '.join(conditions)}", values)
    return (found[0], declared.as_row(found)) if found else None


_WAITING = """
SELECT id, reason FROM core_proposal
WHERE kind = %s AND state = 'PENDING' AND content @> %s::jsonb ORDER BY id LIMIT %s
"""


def waiting_for(*, kind: str, key: Mapping[str, Any], most: int) -> list[tuple[int, str]]:
    """Return the proposals about one row that wait for a second person, the oldest first: ids and reasons."""
    wanted = {"of_kind": kind, "rows": [{"after": plain_row(key)}]}
    return sql.rows(_WAITING, [KIND, msgspec.json.encode(wanted).decode(), most])


def _differences(content: Mapping[str, Any], now: datetime) -> list[Fault]:
    """Return in which fields rows are not what they were when they were proposed."""
    rows = [each["after"] for each in content["rows"]]
    found = foresee_rows(kind=content["of_kind"], rows=rows, now=now)
    return [
        fault
        for at, (then, row) in enumerate(zip(content["rows"], found, strict=True))
        for fault in _moved(at, then, row.before and plain_row(row.before))
    ]


def _moved(at: int, then: Mapping[str, Any], now: Mapping[str, Any] | None) -> list[Fault]:
    if then["before"] is None:
        return [] if now is None else [Fault(f"/rows/{at}", "Somebody has stored such a row.", "moved")]
    was = {**then["after"], **then["before"]}
    if now is None:
        return [Fault(f"/rows/{at}", "There is no such row now.", "moved")]
    return [
        Fault(f"/rows/{at}/{name}", f"This was {_said(was[name])}, and is {_said(value)} now.", "moved")
        for name, value in now.items()
        if name in was and was[name] != value
    ]


def _said(value: Any) -> str:
    return "empty" if value is None or value == "" else str(value)


def _stale(faults: Sequence[Fault]) -> Problem:
    return Problem(
        409,
        "reference-changed",
        "This is no longer what it was when the change was proposed.",
        detail="Decline it; whoever made it can propose it anew on what is stored now.",
        faults=list(faults)[:FAULTS_MOST],
    )


def _refused(faults: Sequence[Fault]) -> Problem:
    return Problem(422, "invalid", "This cannot be proposed.", faults=faults)


def _number(kind: Kind, changes: Sequence[Mapping[str, Any]]) -> int:
    """Return a number of its own for the rows that a proposal is about: new ones have no id yet."""
    keys = sorted(" ".join(str(each["after"][name]) for name in kind.key) for each in changes)
    return int.from_bytes(hashlib.sha256("\n".join((kind.code, *keys)).encode()).digest()[:7], "big") or 1


# --- how far figures move


def _moves(kind: Kind, rows: Sequence[Foreseen]) -> dict[int, Move]:
    """Return by their numbers how far the figures of rows are from the last ones before, stored or beside them."""
    told = [row for row in rows if row.after] if kind.figure else []
    if not told:
        return {}
    last = _last_stored(kind, told)
    beside: dict[tuple[str, str], tuple[date, Decimal]] = {}
    moves = {}
    for row in sorted(told, key=lambda each: each.after["date"]):
        thing = (row.after[kind.key[0]], row.after["currency"])
        known = [each for each in (last.get(row.result.number), beside.get(thing)) if each]
        figure = row.after[kind.figure]
        if known:
            on, before = max(known)
            moves[row.result.number] = Move(before, on, round(figure / before - 1, 4))
        beside[thing] = (row.after["date"], figure)
    return moves


def _last_stored(kind: Kind, rows: Sequence[Foreseen]) -> dict[int, tuple[date, Decimal]]:
    name = kind.key[0]
    read = kind.fields[name].read or f"t.{name}"
    found = sql.rows(
        "SELECT k.number, l.date, l.figure FROM unnest(%s::int[], %s::text[], %s::date[], %s::text[])"
        " AS k(number, thing, day, currency) CROSS JOIN LATERAL ("
        f"SELECT t.date, t.{kind.figure} AS figure FROM {kind.table} t {kind.joins}"
        f" WHERE {read} = k.thing AND t.date < k.day AND t.currency = k.currency ORDER BY t.date DESC LIMIT 1) l",
        [
            [row.result.number for row in rows],
            [row.after[name] for row in rows],
            [row.after["date"] for row in rows],
            [row.after["currency"] for row in rows],
        ],
    )
    return {number: (on, figure) for number, on, figure in found}
