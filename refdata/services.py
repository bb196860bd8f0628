"""Loading reference data: many rows at once, unchanged ones untouched, every change in the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

import msgspec
from django.db import transaction

from core import audit, sql
from core.audit import Actor
from core.http.problem import not_found
from core.registry import Registry
from refdata.kinds.base import PARTIES, Field, Kind, Plan, RowFault, is_number, value_faults
from refdata.selectors import resolve

Mode = Literal["partial", "atomic"]
Outcome = Literal["created", "changed", "unchanged", "refused", "withheld"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

KINDS: Registry[Kind] = Registry("refdata.kinds", Kind)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is no row: a broken line of a file, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row; `number` counts from 1, `key` is the row's name as it was given.

    `withheld`: nothing wrong with it, but another row of an atomic load was refused.
    """

    number: int
    outcome: Outcome
    key: str
    faults: tuple[RowFault, ...] = ()


@dataclass(frozen=True)
class LoadReport:
    """One result per row, in order. `applied` is false when an atomic load was refused as a whole."""

    kind: str
    mode: Mode
    results: list[RowResult] = field(default_factory=list)
    applied: bool = True

    def count(self, outcome: Outcome) -> int:
        """Return how many rows had an outcome."""
        return Counter(result.outcome for result in self.results)[outcome]


def kind_of(code: str) -> Kind:
    """Return the declaration of a kind of reference data; Problem 404 when there is none."""
    if code not in KINDS:
        raise not_found("kind of reference data")
    return KINDS[code]


def load_rows(
    *,
    kind: str,
    rows: Sequence[Any],
    mode: Mode = "partial",
    actor: Actor,
    now: datetime,
    reason: str = "",
    on_row: Callable[[], None] = lambda: None,
) -> LoadReport:
    """Insert or change reference rows, each a mapping by field name (or Unreadable), in one transaction.

    A field that is absent keeps its stored value, null sets its default. A row equal to what is stored
    makes no write and no event; every other writes an event with what was before and after, and `reason`. With mode
    "partial" bad rows are refused and the others stored; with "atomic" one bad row stores nothing.
    `on_row` is called once per row as its outcome is known. Problem 404 for an unknown kind.
    """
    declared = kind_of(kind)
    plans = _read_all(declared, rows)
    with transaction.atomic():
        declared.lock()
        _plan(declared, plans, now, held=True)
        applied = mode == "partial" or not any(plan.faults for plan in plans)
        writes = [plan for plan in _good(plans) if applied and plan.before != plan.after]
        _write(declared, writes)
        changes = [Changed(plan.id, plan.before, plan.after) for plan in writes]
        record_changes(kind=declared, changes=changes, actor=actor, at=now, reason=reason)
        results = [_result(declared, plan, applied) for plan in plans]
        for _ in plans:
            on_row()
    return LoadReport(kind, mode, results, applied)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a load would make of one row: its result, and the row before and after; neither where it is refused."""

    result: RowResult
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]


def foresee_rows(*, kind: str, rows: Sequence[Any], now: datetime) -> list[Foreseen]:
    """Return what `load_rows` would make of every row, in order; nothing is stored, nothing is locked.

    Problem 404 for an unknown kind.
    """
    declared = kind_of(kind)
    plans = _read_all(declared, rows)
    _plan(declared, plans, now, held=False)
    return [
        Foreseen(_result(declared, plan, applied=True), plan.before, {} if plan.faults else plan.after)
        for plan in plans
    ]


@dataclass(frozen=True, slots=True)
class Changed:
    """One row that is new (nothing before) or other than it was."""

    id: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]

    def told(self, key: Sequence[str]) -> dict[str, Any]:
        """Return what its event says: the key, and what differs, before and after."""
        before, after = self.before, self.after
        names = [name for name in after if before is None or before[name] != after[name]]
        return {
            "key": {name: after[name] for name in key},
            "before": None if before is None else {name: before[name] for name in names},
            "after": {name: after[name] for name in names},
        }


# Given the code of a kind and the ids of its new or changed rows, in the transaction that writes them.
Follower = Callable[[str, Sequence[int]], None]
_FOLLOWERS: list[Follower] = []


def on_change(follower: Follower) -> None:
    """Register what an app does when reference data are new or changed, by whatever road."""
    _FOLLOWERS.append(follower)


def note_changed(kind: str, row_ids: Sequence[int]) -> None:
    """Tell who follows a kind of reference data of rows that are new or changed, in the caller's transaction."""
    for follow in _FOLLOWERS if row_ids else ():
        follow(kind, row_ids)


def record_changes(
    *, kind: Kind, changes: Sequence[Changed], actor: Actor, at: datetime, reason: str = ""
) -> None:
    """Write one event per new or changed row, in at most two statements, and tell who follows them."""
    note_changed(kind.code, [each.id for each in changes])
    for event, told in (
        ("created", [each for each in changes if each.before is None]),
        ("changed", [each for each in changes if each.before is not None]),
    ):
        audit.record(
            type=f"{kind.subject}.{event}",
            subject=kind.subject,
            ids=[each.id for each in told],
            actor=actor,
            at=at,
            reason=reason,
            each=[each.told(kind.key) for each in told],
        )


def _plan(kind: Kind, plans: Sequence[Plan], now: datetime, *, held: bool) -> None:
    """Find what every row refers to and what is stored of it, and tell what shall be stored or is wrong."""
    _find_references(kind, plans, now)
    _find_stored(kind, _good(plans), held=held)
    for plan in _good(plans):
        plan.after = kind.merge(plan.before, plan.given)
        plan.faults.extend(kind.check(plan.after))
    kind.find_clashes(_good(plans))


def _good(plans: Sequence[Plan]) -> list[Plan]:
    return [plan for plan in plans if not plan.faults]


def _read_all(kind: Kind, rows: Sequence[Any]) -> list[Plan]:
    return [_read(kind, number, raw) for number, raw in enumerate(rows, start=1)]


def _read(kind: Kind, number: int, raw: Any) -> Plan:
    """Read one row: its fields with their types, or every fault it has."""
    if isinstance(raw, Unreadable):
        return Plan(number, faults=[RowFault("", raw.reason, "unreadable")])
    if not isinstance(raw, Mapping):
        return Plan(number, faults=[RowFault("", "A row is an object of fields.", "unreadable")])
    sent = kind.prepare(dict(raw))
    faults = [fault for name, value in sent.items() for fault in _form_faults(kind, name, value)]
    known = {fault.field for fault in faults}
    given: dict[str, Any] = {}
    try:
        row = msgspec.convert(sent, kind.row_type, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):
        faults.extend(_type_faults(kind, sent, known))
    else:
        for name, each in kind.fields.items():
            value = getattr(row, name)
            if value is msgspec.UNSET:
                continue
            given[name] = each.default if value is None else value
            if name not in known:
                faults.extend(value_faults(name, each, given[name]))
    return Plan(number, given or sent, faults)


def _form_faults(kind: Kind, name: str, value: Any) -> list[RowFault]:
    """Refuse what would be read, but not exactly: floats, and numbers written in other ways."""
    if isinstance(value, float):
        return [RowFault(name, 'Send decimal numbers as text, e.g. "1.25".', "float")]
    each = kind.fields.get(name)
    if each and each.type is Decimal and isinstance(value, str) and not is_number(value):
        return [RowFault(name, "A plain decimal number, e.g. 1.25.")]
    return []


def _type_faults(kind: Kind, sent: Mapping[str, Any], known: set[str]) -> list[RowFault]:
    """Return every fault of a row that msgspec refused: it stops at the first."""
    faults = [
        RowFault(name, "There is no such field.", "unknown-field") for name in sent if name not in kind.fields
    ]
    for name, each in kind.fields.items():
        if name not in sent or (sent[name] is None and each.default is msgspec.NODEFAULT):
            if each.default is msgspec.NODEFAULT:
                faults.append(RowFault(name, "This field is needed.", "missing"))
        elif name not in known:
            faults.extend(_type_fault(name, each, sent[name]))
    return faults


def _type_fault(name: str, each: Field, value: Any) -> Iterator[RowFault]:
    try:
        msgspec.convert(value, each.type | None, strict=False)
    except msgspec.ValidationError as error:
        detail = str(error).partition(" - at ")[0].replace("`", "")
        yield RowFault(name, f"{detail}.")
    except UnicodeEncodeError:
        yield RowFault(name, "This is not Unicode text.")


def _find_references(kind: Kind, plans: Sequence[Plan], now: datetime) -> None:
    """Replace codes, LEIs and identifiers of other rows by their codes, and note their ids."""
    fields = {name: each for name, each in kind.fields.items() if each.reference}
    if not fields:
        return
    asked: dict[str, set[str]] = {"parties": set(), "instruments": set()}
    for plan in _good(plans):
        for name, each in fields.items():
            asked[each.reference].add(plan.given[name])
    found = resolve(
        parties=asked["parties"], instruments=asked["instruments"], books=(), currencies=(), on=now.date()
    )
    for plan in _good(plans):
        for name, each in fields.items():
            known = found.parties if each.reference == PARTIES else found.instruments
            target = known.get(plan.given[name])
            if target is None:
                plan.faults.append(RowFault(name, "There is no such row yet.", "unknown"))
            else:
                plan.given[name], plan.ids[name] = target.code, target.id


def _find_stored(kind: Kind, plans: Sequence[Plan], *, held: bool) -> None:
    """Find the stored row of every plan by its key, locked if it is to be held; refuse a key that comes twice."""
    first: dict[tuple[Any, ...], Plan] = {}
    for plan in plans:
        key = tuple(plan.ids.get(name, plan.given[name]) for name in kind.key)
        earlier = first.setdefault(key, plan)
        if earlier is not plan:
            detail = f"Row {earlier.number} has the same {', '.join(kind.key)}."
            plan.faults.append(RowFault("", detail, "repeated"))
    if not first:
        return
    key_fields = [(name, kind.fields[name]) for name in kind.key]
    arrays = ", ".join(f"%s::{each.sql}[]" for _, each in key_fields)
    names = ", ".join(f"k{at}" for at in range(len(key_fields)))
    match = " AND ".join(f"t.{each.column or name} = k.k{at}" for at, (name, each) in enumerate(key_fields))
    stored = sql.rows(
        f"WITH k({names}, n) AS (SELECT * FROM unnest({arrays}) WITH ORDINALITY)"
        f" {kind.select.replace('SELECT t.id', 'SELECT k.n, t.id', 1)}"
        f" JOIN k ON {match}{' FOR UPDATE OF t' if held else ''}",
        [list(column) for column in zip(*first, strict=True)],
    )
    wanted = list(first.values())
    for n, *values in stored:
        plan = wanted[n - 1]
        plan.id, plan.before = values[0], kind.as_row(values)


def _write(kind: Kind, plans: Sequence[Plan]) -> None:
    """Insert new rows under ids taken beforehand and update changed ones, in one statement."""
    if not plans:
        return
    new = [plan for plan in plans if plan.before is None]
    ids = sql.rows(
        "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
        [kind.table, len(new)],
    )
    for plan, (fresh,) in zip(new, ids, strict=True):
        plan.id = fresh
    columns = kind.columns
    arrays = ["%s::bigint[]", *(f"%s::{each.sql}[]" for each in columns.values())]
    sql.run(
        f"INSERT INTO {kind.table} (id, {', '.join(columns)})"
        f" SELECT * FROM unnest({', '.join(arrays)}) ON CONFLICT (id) DO UPDATE SET "
        + ", ".join(f"{column} = excluded.{column}" for column in columns),
        [[plan.id for plan in plans], *_values(kind, columns, plans)],
    )
    kind.write_more(plans)


def _values(kind: Kind, columns: Mapping[str, Field], plans: Sequence[Plan]) -> list[list[Any]]:
    names = {each.column or name: name for name, each in kind.fields.items()}
    return [[plan.ids.get(names[column], plan.after[names[column]]) for plan in plans] for column in columns]


def _result(kind: Kind, plan: Plan, applied: bool) -> RowResult:
    key = " ".join(str(plan.given.get(name, "")) for name in kind.key).strip()
    outcome: Outcome
    if plan.faults:
        outcome = "refused"
    elif not applied:
        outcome = "withheld"
    elif plan.before is None:
        outcome = "created"
    else:
        outcome = "unchanged" if plan.before == plan.after else "changed"
    return RowResult(plan.number, outcome, key, tuple(plan.faults))
