"""Runs: both sides of a reconciliation compared through a day, and the breaks carried forward.

What a run finds depends on the statements that count and on our records alone, never on the order in which they came:
it looks again at the days of its window, and at all days of which something is still open.

A run through a day looks back once a later day has been compared, or when it is asked as of a moment: it says what it
finds, and leaves breaks and forced matches as they are. Where our side can tell, it is read as it was known until the
next day's statement came, so that a run of a day that is over finds the same however often it is repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from core import sql, work
from core.as_of import AsOf, known_at
from core.audit import Actor, record
from core.clock import business_date
from core.http.problem import Fault, Problem, not_found
from core.wake import wake_on_commit
from ledger.kinds import KINDS
from ledger.kinds.base import Kind
from ledger.selectors.reconciliations import newest_version, newest_versions, read_run, reading_statements
from ledger.selectors.statements import came_after, last_business_date
from ledger.services.breaks import Carrying, Counts, breaks_of, carry_forward
from ledger.services.comparison import Compared, Record, compare
from ledger.services.definitions import SUBJECT, lock_reconciliation
from ledger.services.forced import Standing, active_matches, end_matches, tested_matches
from ledger.services.sides import Sides, read_sides, values_of

TASK = "ledger.reconcile"
LOOK_BACK = timedelta(days=366)  # what is open longer stays as it is
_PAIRS_OF_ROW = 1_000
_log = logging.getLogger(__name__)
Told = Callable[[str, int], None]  # told of each step of a run: its name, and how many records it is about


@dataclass(frozen=True)
class _Run:
    """A run and what it goes by."""

    id: int
    terms: Mapping[str, Any]
    kind: Kind
    through: date
    looks_back: bool
    as_of: AsOf


_ASK = """
INSERT INTO ledger_reconciliation_run (reconciliation_id, business_date, as_at, statement_ids, asked_by, asked_at)
VALUES (%s, %s, %s, '{}', %s, %s) ON CONFLICT (reconciliation_id, business_date, as_at) WHERE state = 'WAITING'
DO NOTHING
RETURNING id
"""


def ask_run(
    *, code: str, through: date | None, actor: Actor, now: datetime, as_at: datetime | None = None
) -> int:
    """Ask for a run of a reconciliation through a business date, the last of which a statement has come unless given.

    as_at: look back, at our side as it was known then. A run that already waits for the same is the one. Return its id;
    a worker does it. Problem 404 for an unknown reconciliation, 409 for one that is not active, has no statement or
    cannot tell what was known, 422 for a moment that is still to come.
    """
    terms = newest_version(code)
    if terms is None:
        raise not_found("reconciliation")
    if not terms["is_active"]:
        raise Problem(409, "inactive", "The reconciliation is not active.")
    if as_at is not None and not KINDS[terms["kind"]].tells_past:
        raise Problem(409, "past-not-kept", "What was known of this kind at a moment is not kept.")
    if as_at is not None and as_at > now:
        faults = [Fault("/as_at", "This moment is still to come.", "future")]
        raise Problem(422, "invalid", "Nobody knows yet what is known then.", faults=faults)
    last = last_business_date(kind=terms["kind"], source=terms["source"])
    if last is None:
        raise Problem(409, "no-statement", "No statement has come yet.")
    with transaction.atomic():
        return _ask(terms, through or last, actor, now, as_at)


def _ask(
    terms: Mapping[str, Any], through: date, actor: Actor, now: datetime, as_at: datetime | None = None
) -> int:
    made = sql.row(_ASK, [terms["id"], through, as_at, actor.name, now])
    if made is None:
        found = sql.row(
            "SELECT id FROM ledger_reconciliation_run WHERE reconciliation_id = %s AND business_date = %s"
            " AND as_at IS NOT DISTINCT FROM %s AND state = 'WAITING'",
            [terms["id"], through, as_at],
        )
        # One that has just ended frees its place: then this is asked again.
        return int(found[0]) if found else _ask(terms, through, actor, now, as_at)
    work.enqueue(TASK, [made[0]])
    wake_on_commit(TASK)
    return int(made[0])


def ask_runs_with(*, kind: str, source: str, day: date, actor: Actor, now: datetime) -> list[int]:
    """Ask for the runs that go with every statement of a kind and source: through its day, or a later one that ran."""
    last = last_business_date(kind=kind, source=source) or day
    return [
        _ask(each, max(day, last), actor, now)
        for each in reading_statements(kind=kind, source=source)
        if not each["schedule"]
    ]


_LAST_ASKED = """
SELECT reconciliation_id, max(asked_at) FROM ledger_reconciliation_run WHERE asked_by = %s GROUP BY reconciliation_id
"""


def ask_due_runs(*, actor: Actor, now: datetime) -> list[int]:
    """Ask for the runs whose time of the day has come and that were not asked for since; return them."""
    zone = ZoneInfo(settings.BUSINESS_TIME_ZONE)
    asked = dict(sql.rows(_LAST_ASKED, [actor.name]))
    runs = []
    for terms in newest_versions():
        if not (terms["is_active"] and terms["schedule"]):
            continue
        at = datetime.combine(business_date(now), time.fromisoformat(terms["schedule"]), zone)
        before = asked.get(terms["id"])
        last = last_business_date(kind=terms["kind"], source=terms["source"])
        if now >= at and last is not None and (before is None or before < at):
            with transaction.atomic():
                runs.append(_ask(terms, last, actor, now))
    return runs


# --- the run


def run_queued(*, actor: Actor, now: datetime) -> int:
    """Do the next run that waits; return how many were looked at, 0 when none waits.

    One that cannot be done says why; one that fails otherwise is tried again later.
    """
    with transaction.atomic():
        claimed = work.claim(TASK, limit=1, now=now)
        if not claimed:
            return claimed.put_back
        if claimed.deadly:
            work.set_aside(claimed)
            return len(claimed.subject_ids)
        try:
            with transaction.atomic():
                for run_id in claimed.subject_ids:
                    reconcile(run_id=run_id, actor=actor, now=now)
        except Exception:
            _log.exception("run %s failed", claimed.subject_ids)
            work.postpone(claimed, now=now)
        else:
            work.finish(claimed)
    return len(claimed.subject_ids)


_FAILED = """
UPDATE ledger_reconciliation_run SET state = 'FAILED', ended_at = %s, failure = %s WHERE id = %s
"""


def reconcile(
    *, run_id: int, actor: Actor, now: datetime, told: Told = lambda step, count: None
) -> dict[str, Any]:
    """Do a run that waits, in one transaction, and return it as it is then; one that is done stays as it is.

    Runs of one reconciliation are done one after the other. A run that cannot be done has FAILED, with why; nothing
    else of it is stored. Problem 404 for an unknown run.
    """
    found = read_run(run_id)
    if found is None:
        raise not_found("run")
    try:
        with transaction.atomic():
            lock_reconciliation(found["reconciliation_id"])
            found = read_run(run_id) or found
            if found["state"] == "WAITING":
                _reconcile(found, actor, now, told)
    except Problem as problem:
        with transaction.atomic():
            sql.run(_FAILED, [now, f"{problem.title} {problem.detail}".strip(), run_id])
            about = {"run_id": run_id, "reconciliation": found["code"], "why": problem.title}
            _tell("reconciliation.failed", found["reconciliation_id"], about, actor, now)
    return read_run(run_id) or found


def _reconcile(found: Mapping[str, Any], actor: Actor, now: datetime, told: Told) -> None:
    terms = newest_version(found["code"])
    assert terms is not None  # noqa: S101 - only what has a version is run
    run = _run(found, terms)
    matches = active_matches(terms["id"])
    start = _start(run, [each["since"] for each in matches])
    sides = read_sides(
        kind=run.kind,
        source=terms["source"],
        start=start,
        until=run.through,
        basis=terms["basis"],
        as_of=run.as_of,
    )
    told("read", len(sides.ours) + len(sides.theirs))
    ours, theirs = ({each.id: each for each in side} for side in (sides.ours, sides.theirs))
    standing = tested_matches(matches=matches, kind=run.kind, ours=ours, theirs=theirs, through=run.through)
    compared = compare(
        kind=run.kind,
        levels=terms["levels"],
        ours=[each for each in sides.ours if each.id not in standing.ours],
        theirs=[each for each in sides.theirs if each.id not in standing.theirs],
    )
    told("matched", sum(len(each.ours) + len(each.theirs) for each in compared.matched))
    counts = Counts()
    if not run.looks_back:
        units = {each.fields.get(run.kind.money[1], "") for each in _broken(compared, ours, theirs)}
        values = values_of(units, on=run.through)
        breaks = breaks_of(kind=run.kind, compared=compared, ours=ours, theirs=theirs, values=values)
        told("breaks", len(breaks))
        carrying = Carrying(
            terms["id"], terms["code"], run.kind, terms["owner"], run.id, start, standing.because
        )
        end_matches(ended=standing.ended, now=now)
        counts = carry_forward(carrying=carrying, found=breaks, actor=actor, now=now)
    _store_results(run, compared, standing, theirs)
    _finish(run, sides, compared, standing, counts, actor, now)


_LATER = """
SELECT 1 FROM ledger_reconciliation_run
WHERE reconciliation_id = %s AND business_date > %s AND state = 'DONE' AND NOT looks_back LIMIT 1
"""


def _run(found: Mapping[str, Any], terms: Mapping[str, Any]) -> _Run:
    """Return a run with what it goes by: whether it looks back, and the moment of which our side is read."""
    kind, through, as_at = KINDS[terms["kind"]], found["business_date"], found["as_at"]
    looks_back = as_at is not None or sql.row(_LATER, [terms["id"], through]) is not None
    if looks_back and as_at is None and kind.tells_past:
        as_at = came_after(kind=kind.code, source=terms["source"], day=through)
    return _Run(found["id"], terms, kind, through, looks_back, known_at(as_at))


def _broken(compared: Compared, ours: Mapping[str, Record], theirs: Mapping[str, Record]) -> Iterator[Record]:
    for each in compared.differing:
        yield from (ours[one] for one in each.ours)
        yield from (theirs[one] for one in each.theirs)
    yield from (ours[each] for each in compared.only_ours)
    yield from (theirs[each] for each in compared.only_theirs)


def _start(run: _Run, since: Sequence[date]) -> date:
    """Return the first day that a run looks at: of its window, or of what is open or matched by force before it."""
    if run.kind.snapshot:
        return run.through
    oldest = sql.row(
        "SELECT min(business_date) FROM ledger_break WHERE reconciliation_id = %s AND closed_at IS NULL",
        [run.terms["id"]],
    )
    days = [*since, *(each for each in oldest or () if each is not None)]
    window = run.through - timedelta(days=run.terms["window_days"])
    return max(run.through - LOOK_BACK, min([window, *days]))


def _store_results(run: _Run, compared: Compared, standing: Standing, theirs: Mapping[str, Record]) -> None:
    rows: list[tuple[Any, ...]] = []
    by_level: dict[int, tuple[list[str], list[str]]] = {}
    for each in compared.matched:
        if len(each.ours) == len(each.theirs) == 1:
            pairs = by_level.setdefault(each.level, ([], []))
            pairs[0].append(each.ours[0])
            pairs[1].append(each.theirs[0])
        else:
            rows.append(_row(run, "GROUPED", each.level, each.ours, each.theirs, theirs))
    for level, (own, other) in sorted(by_level.items()):
        for start in range(0, len(own), _PAIRS_OF_ROW):
            some = slice(start, start + _PAIRS_OF_ROW)
            rows.append(_row(run, "MATCHED", level, own[some], other[some], theirs))
    rows += [_row(run, "FORCED", None, own, other, theirs) for own, other in standing.held]
    rows += [
        _row(run, "DIFFERENT", each.level, each.ours, each.theirs, theirs) for each in compared.differing
    ]
    if compared.only_ours:
        rows.append(_row(run, "OURS", None, compared.only_ours, (), theirs))
    if compared.only_theirs:
        rows.append(_row(run, "THEIRS", None, (), compared.only_theirs, theirs))
    columns = ("run_id", "outcome", "level", "ours", "theirs")
    sql.copy_rows("ledger_run_result", columns, rows)


def _row(
    run: _Run,
    outcome: str,
    level: int | None,
    ours: Sequence[str],
    keys: Sequence[str],
    theirs: Mapping[str, Record],
) -> tuple[Any, ...]:
    lines = sql.array_literal([theirs[each].line_id for each in keys])
    return (run.id, outcome, level, sql.array_literal(ours), lines)


_DONE = """
UPDATE ledger_reconciliation_run
SET state = 'DONE', ended_at = %(at)s, version = %(version)s, start_date = %(start)s, as_at = %(as_at)s,
    looks_back = %(looks_back)s,
    statement_ids = %(statements)s::bigint[],
    ours = %(ours)s, theirs = %(theirs)s, matched_ours = %(matched_ours)s, matched_theirs = %(matched_theirs)s,
    forced_ours = %(forced_ours)s, forced_theirs = %(forced_theirs)s, differing_ours = %(differing_ours)s,
    differing_theirs = %(differing_theirs)s, unmatched_ours = %(unmatched_ours)s,
    unmatched_theirs = %(unmatched_theirs)s, new = %(new)s, unchanged = %(unchanged)s, changed = %(changed)s,
    cleared = %(cleared)s
WHERE id = %(id)s
"""


def _finish(
    run: _Run,
    sides: Sides,
    compared: Compared,
    standing: Standing,
    counts: Counts,
    actor: Actor,
    now: datetime,
) -> None:
    figures = {
        "ours": len(sides.ours),
        "theirs": len(sides.theirs),
        "matched_ours": sum(len(each.ours) for each in compared.matched),
        "matched_theirs": sum(len(each.theirs) for each in compared.matched),
        "forced_ours": len(standing.ours),
        "forced_theirs": len(standing.theirs),
        "differing_ours": sum(len(each.ours) for each in compared.differing),
        "differing_theirs": sum(len(each.theirs) for each in compared.differing),
        "unmatched_ours": len(compared.only_ours),
        "unmatched_theirs": len(compared.only_theirs),
        **{name: getattr(counts, name) for name in ("new", "unchanged", "changed", "cleared")},
    }
    about = {"id": run.id, "at": now, "version": run.terms["version"], "start": sides.start}
    past = {"as_at": run.as_of.as_at, "looks_back": run.looks_back}
    sql.run(_DONE, {**figures, **about, **past, "statements": sides.statement_ids})
    told = {
        "run_id": run.id,
        "reconciliation": run.terms["code"],
        "business_date": run.through,
        **past,
        **figures,
    }
    _tell("reconciliation.run", run.terms["id"], told, actor, now)


def _tell(type: str, reconciliation_id: int, data: Mapping[str, Any], actor: Actor, now: datetime) -> None:
    record(type=type, subject=SUBJECT, ids=[reconciliation_id], actor=actor, at=now, data=data)
