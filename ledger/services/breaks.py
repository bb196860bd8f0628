"""Breaks carry forward: what a run finds is new, unchanged, changed or open again; what it does not is cleared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group

from core import sql
from core.audit import Actor, encode, record
from core.http.problem import Problem
from core.money import ZERO, format_number
from ledger.breaks_work import BREAK_KIND, SUBJECT, code_of
from ledger.kinds.base import Kind
from ledger.models import Break
from ledger.services.comparison import Compared, Met, Record
from ledger.services.sides import Values
from trades.services.attention import assign_exceptions
from trades.services.exceptions import NewException, close_exceptions_about, open_exceptions
from trades.work_items import About

OPEN_MOST = 100_000  # of one reconciliation: more is a wrong file, and not work for people
WORKED_WITHIN = timedelta(days=1)
AGREED = "Both sides agree."
BACK = "The sides do not agree any more."
_KEY_MAX = 500
_AT_ONCE = 2_000


@dataclass(frozen=True)
class FoundBreak:
    """A break as a run finds it. amount: what it is about, in `unit`; base_amount: in base currency, if known."""

    key: str
    outcome: str
    business_date: date
    ours: list[dict[str, Any]]
    theirs: list[dict[str, Any]]
    differences: list[dict[str, str]]
    near: list[dict[str, Any]]
    amount: Decimal | None
    unit: str
    base_amount: Decimal | None

    def says(self) -> tuple[Any, ...]:
        """Return what makes it another break than before when it changes."""
        return (self.outcome, self.ours, self.theirs, self.differences)


@dataclass
class Counts:
    """What became of the breaks of a reconciliation in a run; `by_id` is what happened to each but the unchanged."""

    new: int = 0
    unchanged: int = 0
    changed: int = 0
    cleared: int = 0
    by_id: dict[int, tuple[str, str]] = field(default_factory=dict)


def breaks_of(
    *,
    kind: Kind,
    compared: Compared,
    ours: Mapping[str, Record],
    theirs: Mapping[str, Record],
    values: Values,
) -> list[FoundBreak]:
    """Return what a comparison leaves as breaks, by their keys."""
    met = [(Break.Outcome.DIFFERENT, each) for each in compared.differing]
    met += [(Break.Outcome.OURS, Met(0, (each,), ())) for each in compared.only_ours]
    met += [(Break.Outcome.THEIRS, Met(0, (), (each,))) for each in compared.only_theirs]
    found = [_found(kind, outcome, each, compared, ours, theirs, values) for outcome, each in met]
    return sorted(found, key=lambda each: each.key)


def _found(
    kind: Kind,
    outcome: str,
    met: Met,
    compared: Compared,
    ours: Mapping[str, Record],
    theirs: Mapping[str, Record],
    values: Values,
) -> FoundBreak:
    own, other = [ours[each] for each in met.ours], [theirs[each] for each in met.theirs]
    amount, unit = _amount(kind, met, own, other)
    return FoundBreak(
        key=_key("O", met.ours) if own else _key("T", met.theirs),
        outcome=outcome,
        business_date=min(each.day for each in (*own, *other)),
        ours=[each.content() for each in own],
        theirs=[each.content() for each in other],
        differences=list(met.differences),
        near=[miss for each in (*met.ours, *met.theirs) for miss in compared.near.get(each, ())],
        amount=amount,
        unit=unit,
        base_amount=values.base(amount, unit),
    )


def _key(side: str, ids: Sequence[str]) -> str:
    key = f"{side}|{'|'.join(ids)}"
    return key if len(key) <= _KEY_MAX else f"{side}#{hashlib.sha256(key.encode()).hexdigest()}"


def _amount(
    kind: Kind, met: Met, own: Sequence[Record], other: Sequence[Record]
) -> tuple[Decimal | None, str]:
    """Return what a break is about: the difference where the sides differ in the amount, else all of it."""
    of, unit = kind.money
    sums = total(own, of), total(other, of)
    differs = any(each["field"] == of for each in met.differences)
    amount = sums[0] - sums[1] if differs or not (own and other) else max(sums, key=abs)
    units = {each.fields.get(unit, "") for each in (*own, *other)}
    return (abs(amount), units.pop()) if len(units) == 1 else (None, "")


def total(records: Sequence[Record], of: str) -> Decimal:
    """Return the sum of a field over records; what is missing counts as nothing."""
    return sum((Decimal(each.fields[of]) for each in records if each.fields.get(of)), ZERO)


# --- from run to run

_EXISTING = """
SELECT id, key, outcome, ours, theirs, differences, closed_at, opened_at, business_date FROM ledger_break
WHERE reconciliation_id = %s AND (closed_at IS NULL OR key = ANY(%s::text[])) ORDER BY id FOR UPDATE
"""
_GIVEN = """
jsonb_to_recordset(%(breaks)s::jsonb) AS g(key text, outcome text, business_date date, ours jsonb, theirs jsonb,
    differences jsonb, near jsonb, amount numeric, unit text, base_amount numeric)
"""
_INSERT = f"""
INSERT INTO ledger_break (reconciliation_id, key, outcome, business_date, ours, theirs, differences, near, amount, unit,
                          base_amount, opened_at, first_run_id, last_run_id, changed_at)
SELECT %(of)s, g.*, %(at)s, %(run)s, %(run)s, %(at)s FROM {_GIVEN} RETURNING key, id
"""
_UPDATE = f"""
UPDATE ledger_break b
SET outcome = g.outcome, business_date = g.business_date, ours = g.ours, theirs = g.theirs, differences = g.differences,
    near = g.near, amount = g.amount, unit = g.unit, base_amount = g.base_amount, last_run_id = %(run)s,
    changed_at = CASE WHEN %(changed)s THEN %(at)s ELSE b.changed_at END, closed_at = NULL, closing = '',
    reopened_at = CASE WHEN b.closed_at IS NULL THEN b.reopened_at ELSE %(at)s END,
    reopened_because = CASE WHEN b.closed_at IS NULL THEN b.reopened_because
                            ELSE coalesce(%(because)s::jsonb->>b.key, '{BACK}') END
FROM {_GIVEN} WHERE b.reconciliation_id = %(of)s AND b.key = g.key
"""
_CLEAR = """
UPDATE ledger_break SET closed_at = %s, closing = 'AGREED', last_run_id = %s WHERE id = ANY(%s::bigint[])
"""
_STEPS = """
INSERT INTO ledger_break_step (break_id, run_id, step, reason, happened_at)
SELECT id, %s, step, reason, %s FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS s(id, step, reason)
"""


@dataclass(frozen=True)
class Carrying:
    """What a run carries its breaks forward by: the reconciliation, and the run. because: why breaks may be open
    again, by key."""

    reconciliation_id: int
    code: str
    kind: Kind
    owner: str
    run_id: int
    start: date
    because: Mapping[str, str]


def carry_forward(*, carrying: Carrying, found: Sequence[FoundBreak], actor: Actor, now: datetime) -> Counts:
    """Store what a run found as breaks, in the caller's transaction, which has locked the reconciliation.

    Problem 413 for more than OPEN_MOST breaks.
    """
    if len(found) > OPEN_MOST:
        why = "That looks like a wrong file. Nothing was stored."
        raise Problem(413, "too-many-breaks", f"{len(found):,} breaks are too many.", detail=why)
    rows = sql.records(_EXISTING, [carrying.reconciliation_id, [each.key for each in found]])
    existing = {row["key"]: row for row in rows}
    counts = Counts()
    fresh, same, other, again = list[FoundBreak](), list[FoundBreak](), list[FoundBreak](), list[FoundBreak]()
    for each in found:
        row = existing.get(each.key)
        if row is None:
            fresh.append(each)
        elif row["closed_at"] is not None:
            again.append(each)
        else:
            (same if _said(row) == each.says() else other).append(each)
    ids = {key: row["id"] for key, row in existing.items()}
    ids |= _insert(carrying, fresh, now)
    _update(carrying, same, changed=False, now=now)
    _update(carrying, [*other, *again], changed=True, now=now)
    keys = {each.key for each in found}
    gone = sorted(
        row["id"]
        for key, row in existing.items()
        if key not in keys and row["closed_at"] is None and row["business_date"] >= carrying.start
    )
    sql.run(_CLEAR, [now, carrying.run_id, gone])
    counts.new, counts.unchanged = len(fresh) + len(again), len(same)
    counts.changed, counts.cleared = len(other), len(gone)
    for step, those in (("NEW", fresh), ("CHANGED", other), ("REOPENED", again)):
        for each in those:
            because = carrying.because.get(each.key, BACK) if step == "REOPENED" else ""
            counts.by_id[ids[each.key]] = (step, because)
    counts.by_id |= dict.fromkeys(gone, ("CLEARED", AGREED))
    tell_steps(steps=counts.by_id, run_id=carrying.run_id, code=carrying.code, actor=actor, now=now)
    opened = {key: row["opened_at"] for key, row in existing.items() if row["closed_at"] is None}
    _work(carrying, [*fresh, *other, *again], ids, opened, actor, now)
    close_exceptions_about(
        subject=SUBJECT, subject_ids=gone, kind=BREAK_KIND, resolution=AGREED, closed_by=actor, at=now
    )
    return counts


def _said(row: Mapping[str, Any]) -> tuple[Any, ...]:
    told = (sql.json_value(row[name]) for name in ("ours", "theirs", "differences"))
    return (row["outcome"], *told)


def _chunks(breaks: Sequence[FoundBreak]) -> Iterator[Sequence[FoundBreak]]:
    for start in range(0, len(breaks), _AT_ONCE):
        yield breaks[start : start + _AT_ONCE]


def _insert(carrying: Carrying, breaks: Sequence[FoundBreak], now: datetime) -> dict[str, int]:
    ids: dict[str, int] = {}
    for some in _chunks(breaks):
        about = {"of": carrying.reconciliation_id, "run": carrying.run_id, "at": now}
        ids |= dict(sql.rows(_INSERT, {**about, "breaks": encode(some)}))
    return ids


def _update(carrying: Carrying, breaks: Sequence[FoundBreak], *, changed: bool, now: datetime) -> None:
    for some in _chunks(breaks):
        about = {"of": carrying.reconciliation_id, "run": carrying.run_id, "at": now, "changed": changed}
        because = encode(dict(carrying.because))
        sql.run(_UPDATE, {**about, "because": because, "breaks": encode(some)})


def tell_steps(
    *, steps: Mapping[int, tuple[str, str]], run_id: int | None, code: str, actor: Actor, now: datetime
) -> None:
    """Keep what happened to breaks, by their ids, each with its reason, and write it to the log."""
    if not steps:
        return
    ids = sorted(steps)
    sql.run(_STEPS, [run_id, now, ids, [steps[each][0] for each in ids], [steps[each][1] for each in ids]])
    for step in sorted({step for step, _ in steps.values()}):
        those = [each for each in ids if steps[each][0] == step]
        record(
            type=f"break.{step.lower()}",
            subject=SUBJECT,
            ids=those,
            actor=actor,
            at=now,
            each=[{"reconciliation": code, "run_id": run_id, "because": steps[each][1]} for each in those],
        )


# --- the work they are


def _work(
    carrying: Carrying,
    breaks: Sequence[FoundBreak],
    ids: Mapping[str, int],
    opened: Mapping[str, datetime],
    actor: Actor,
    now: datetime,
) -> None:
    for some in _chunks(breaks):
        items = [_item(carrying, each, ids[each.key], opened.get(each.key, now)) for each in some]
        open_exceptions(items=items, at=now, actor=actor)
        _give(carrying.owner, [ids[each.key] for each in some if each.key not in opened], actor, now)


def _item(carrying: Carrying, found: FoundBreak, break_id: int, since: datetime) -> NewException:
    code = code_of(carrying.kind.code, found.outcome)
    return NewException(
        trade_id=None,
        about=About(SUBJECT, break_id),
        kind=BREAK_KIND,
        codes=[code],
        summary=f"{carrying.code} of {found.business_date}: {_summary(found)}",
        amount_at_risk=found.base_amount,
        deadline=since + WORKED_WITHIN,
        causes=[f"{code} {carrying.code}"],
    )


def _summary(found: FoundBreak) -> str:
    if found.differences:
        said = [
            f"{each['field']} is {each['ours']} here, {each['theirs']} there" for each in found.differences
        ]
        return "; ".join(said[:3])
    side = "only we have" if found.outcome == Break.Outcome.OURS else "only they have"
    of = (found.ours or found.theirs)[0]["id"].split("|", 1)[-1]
    return f"{side} {of}, {format_number(found.amount)} {found.unit}"


def _give(owner: str, break_ids: Sequence[int], actor: Actor, now: datetime) -> None:
    """Give the items of breaks to the team that the reconciliation names, where no rule gave them to anybody."""
    team = Group.objects.filter(name=owner).first() if owner else None
    if team is None:
        return
    free = sql.rows(
        "SELECT id FROM trades_exception WHERE trade_id IS NULL AND subject = %s AND subject_id = ANY(%s)"
        " AND kind = %s AND closed_at IS NULL AND team_id IS NULL AND owner_id IS NULL ORDER BY id",
        [SUBJECT, list(break_ids), BREAK_KIND],
    )
    assign_exceptions(
        exception_ids=[each for (each,) in free], owner=None, team=team, reason="", actor=actor, now=now
    )
