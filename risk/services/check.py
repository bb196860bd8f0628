"""The check pipeline: claim captured trades, run every check and limit, and move all of them on.

One transaction for a claimed batch: findings, limits' figures, states and events commit together or not at
all. Killed half-way, the claim is free again and nothing was counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from django.db import transaction

from core import sql, work
from core.audit import Actor, system
from core.clock import business_date
from core.money import ZERO, format_number
from risk.checks import CHECKS
from risk.checks._composition import bound_to, compared, composed_statement
from risk.checks._settings import Setting, shape_of
from risk.services.decision import (
    BREACH,
    WARNING,
    Decision,
    Held,
    LimitTerms,
    Member,
    Use,
    add_up,
    decide,
    groups_of,
    members_of,
    near_marks,
)
from risk.services.limits import Figures, exposures_of, limits_kept, lock_figures, move_figures
from risk.services.parameters import settings_in_force
from risk.services.reservations import GONE, draw_reservations, total_of
from risk.work_kinds import FINDINGS, LIMITS
from trades.lifecycle import WAKES, State, move_trades
from trades.services.deadlines import DUE_COLUMNS, Due, deadlines_of
from trades.services.early import apply_early
from trades.services.exceptions import NewException, close_exceptions, open_exceptions
from trades.services.findings import NewFinding, add_findings, clear_findings

_log = logging.getLogger(__name__)
TASK = WAKES[State.CAPTURED]
BATCH = 10_000
PLANNED_ONCE = 200  # trades of a claim up to which the statement costs more to plan than to run
ACTOR = system("checks")
PUT_OFF = timedelta(seconds=1)
CHECK_FAILED = "CHECK_FAILED"
# The kinds of work items that the checks open, and what they close them with.
CLOSED_AS = {FINDINGS: "checks pass", LIMITS: "within every limit"}


@dataclass(slots=True)
class _Batch:
    """The captured trades of a claim, locked, and what was found of them."""

    versions: dict[int, int]  # by trade id, in the order of capture
    checked_before: dict[int, int]  # the version checked before, of those that were
    limits: list[LimitTerms]
    findings: dict[int, list[NewFinding]] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    compared: dict[int, str] = field(
        default_factory=dict
    )  # what conditions compared, JSON, of trades that break one

    def held(self) -> list[int]:
        """Return the trades that a blocking finding holds."""
        return [
            trade_id
            for trade_id, findings in self.findings.items()
            if any(finding.severity == "BLOCK" for finding in findings)
        ]


def check_captured(*, now: datetime, limit: int = BATCH) -> int:
    """Claim up to about `limit` captured trades, check them and move them on; return how many were claimed.

    Zero means nothing waits. A batch that fails is split, so that one bad trade fails alone, and tried again
    later; what fails to the end, or ends its worker again and again, is held with a CHECK_FAILED finding.
    """
    with transaction.atomic():
        claimed = work.claim(TASK, limit=limit, now=now)
        if not claimed:
            return claimed.put_back
        if claimed.deadly:
            _log.error("checking the trade %d ends the worker: it is held", *claimed.subject_ids)
            _hold_unchecked(claimed.subject_ids, now, ACTOR)
            work.finish(claimed)
            return len(claimed.subject_ids)
        try:
            with transaction.atomic():
                _check_and_move(claimed, now)
        except Exception:
            _log.exception("checking %d trades failed", len(claimed.subject_ids))
            _fail(claimed, now)
        else:
            work.finish(claimed)
    return len(claimed.subject_ids)


def preview(trade_ids: Sequence[int], at: datetime) -> list[dict[str, Any]]:
    """Return what the checks and limits would find of trades, changing nothing (for dry runs)."""
    batch = _run_checks(trade_ids, at)
    _apply_limits(batch, at)
    return [
        {**asdict(finding), "found_at": at, "closed_at": None, "closing": ""}
        for findings in batch.findings.values()
        for finding in findings
    ]


def check_now(trade_ids: Sequence[int], at: datetime) -> None:
    """Check captured trades at once and move them on, in the caller's transaction.

    Only for what is taken back afterwards: nothing waits for the checks of earlier trades.
    """
    _decide(_run_checks(trade_ids, at), at)


def _check_and_move(claimed: work.Claim, now: datetime) -> None:
    apply_early(trade_ids=claimed.subject_ids, at=now)
    batch = _run_checks(claimed.subject_ids, now)
    if len(batch.versions) < len(claimed.subject_ids):
        _put_off([trade_id for trade_id in claimed.subject_ids if trade_id not in batch.versions], now)
    work.wait_for_earlier(TASK, claimed)
    _decide(batch, now)


def _decide(batch: _Batch, now: datetime) -> None:
    """Store what was found of checked trades, and move all of them on."""
    figures, decision = _apply_limits(batch, now)
    move_figures(figures.rows, decision.deltas, freed=decision.freed)
    clear_findings(trade_ids=list(batch.checked_before), closing="CLEARED", at=now, codes=own_codes())
    add_findings(findings=[each for found in batch.findings.values() for each in found], at=now)
    held = batch.held()
    passed = list(batch.versions.keys() - set(held))
    for group, target in ((passed, State.VALIDATED), (held, State.EXCEPTION)):
        move_trades(
            trade_ids=sorted(group), source=State.CAPTURED, target=target, at=now, actor=ACTOR, locked=True
        )
    items = _exceptions(batch, held)
    for kind, resolution in CLOSED_AS.items():
        close_exceptions(
            trade_ids=sorted(
                batch.checked_before.keys() - {each.trade_id for each in items if each.kind == kind}
            ),
            kinds=[kind],
            resolution=resolution,
            closed_by=ACTOR,
            at=now,
        )
    open_exceptions(items=items, at=now, actor=ACTOR)


@cache
def own_codes() -> tuple[str, ...]:
    """Return the codes of what is found here: what the back office found is not ours to clear."""
    return (*CHECKS, BREACH, WARNING, GONE, CHECK_FAILED)


_LOCK = """
SELECT trade_id, version, checked_version, block_id FROM trades_state
WHERE trade_id = ANY(%s) AND state + 0 = %s  -- the sum keeps the backlog's index out of it
ORDER BY trade_id FOR UPDATE SKIP LOCKED
"""


def _put_off(trade_ids: Sequence[int], now: datetime) -> None:
    """Queue captured trades again for a little later: somebody else has locked them just now.

    Checks wait for earlier checks, to keep the order of capture. So they never wait for a trade: whoever holds
    it may wait in turn for one that a later check has locked.
    """
    locked = sql.rows(
        "SELECT trade_id FROM trades_state WHERE trade_id = ANY(%s) AND state + 0 = %s ORDER BY trade_id",
        [list(trade_ids), State.CAPTURED.value],
    )
    work.enqueue(TASK, [trade_id for (trade_id,) in locked], not_before=now + PUT_OFF)


def _run_checks(trade_ids: Sequence[int], at: datetime) -> _Batch:
    """Lock the trades that are still captured, but for those that others have locked, and run every check."""
    rows = sql.rows(_LOCK, [list(trade_ids), State.CAPTURED.value])
    today = business_date(at)
    batch = _Batch(
        versions={trade_id: version for trade_id, version, _, _ in rows},
        checked_before={trade_id: before for trade_id, _, before, _ in rows if before is not None},
        limits=limits_kept(at=at),
    )
    groups = groups_of(batch.limits)
    settings = settings_in_force(on=today)
    bound = bound_to(rows, today=today, settings=settings.values())
    statement = composed_statement(groups, shape_of(settings.values()))
    ask = sql.planned_rows if len(rows) <= PLANNED_ONCE else sql.rows
    found = []
    for *finding, values, group, place, total, greatest, down in ask(statement, bound):
        trade_id, code = finding[:2]
        if code is not None:
            found.append(tuple(finding))
        elif trade_id is not None:
            batch.compared[trade_id] = values
        elif None not in place:
            batch.uses.append(Use(groups[group], tuple(place), total, greatest, down))
    _add_findings(batch, settings, found)
    return batch


_BLOCKS = "SELECT trade_id, block_id FROM trades_state WHERE trade_id = ANY(%s) AND block_id IS NOT NULL"


def findings_under(setting: Setting, versions: Mapping[int, int], today: date) -> dict[int, list[NewFinding]]:
    """Return what one check, set so, says of trade versions (by trade id) on a day; it locks and changes nothing."""
    if not setting.is_active:
        return {}
    batch = _Batch(versions=dict(versions), checked_before={}, limits=[])
    blocks = dict(sql.rows(_BLOCKS, [list(versions)]))
    looked_at = [(trade_id, version, None, blocks.get(trade_id)) for trade_id, version in versions.items()]
    bound = bound_to(looked_at, today=today, settings=[setting])
    rows = sql.rows(composed_statement((), shape_of([setting])), bound)
    batch.compared = {row[0]: row[5] for row in rows if row[1] is None}
    _add_findings(batch, {setting.code: setting}, [row[:5] for row in rows if row[1] is not None])
    return batch.findings


def _add_findings(batch: _Batch, settings: Mapping[str, Setting], rows: Iterable[tuple[Any, ...]]) -> None:
    """Add findings from rows of trade_id, code, subject, expected, actual, in the order in which they are shown."""
    for trade_id, code, *words in rows:
        _add_finding(batch, settings[code], trade_id, *words)
    for findings in batch.findings.values():
        findings.sort(key=lambda each: CHECKS[each.code].precedence)


def _add_finding(
    batch: _Batch, setting: Setting, trade_id: int, subject: str, expected: str | None, actual: str | None
) -> None:
    check = CHECKS[setting.code]
    if check.confirm is not None and not check.confirm(actual or ""):
        return
    words = {"subject": subject, "expected": expected or "", "actual": actual or ""}
    finding = NewFinding(
        trade_id=trade_id,
        version=batch.versions[trade_id],
        code=check.code,
        severity=setting.severity,
        message=check.message.format(**words),
        **words,
        parameter_version=setting.version,
        inputs=_inputs(batch, trade_id, setting),
    )
    batch.findings.setdefault(trade_id, []).append(finding)


_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def _inputs(batch: _Batch, trade_id: int, setting: Setting) -> dict[str, Any]:
    """Return what a rule saw of a trade: the values it compared by name, and `parameters`, what it compared them by."""
    names = compared(setting.code)
    values = _decoder.decode(batch.compared[trade_id]) if names else {}
    shown = {name: values[name] for name in names}
    return {
        **{name: format_number(each) if isinstance(each, Decimal) else each for name, each in shown.items()},
        **({"parameters": dict(setting.parameters)} if setting.parameters else {}),
    }


def _apply_limits(batch: _Batch, at: datetime) -> tuple[Figures, Decision]:
    """Add what the limits find to the batch; return the locked figures and how they must move."""
    limits = batch.limits
    frees = _draw(batch, at)
    superseded = exposures_of(
        [trade_id for trade_id, before in batch.checked_before.items() if before != batch.versions[trade_id]],
        limits,
        version="checked_version",
    )
    again = exposures_of(list(batch.checked_before), limits, version="version")
    added = add_up(limits, batch.uses)
    drawn = {member for each in frees.values() for member in each}
    figures = lock_figures({*added, *drawn, *members_of(limits, [*superseded, *again])})
    leaving = decide(limits, superseded, {}).deltas
    for member, size in leaving.items():
        figures.used[member] -= size
    decision = _look(batch, again=bool(again), frees=frees, added=added, figures=figures)
    for member, size in leaving.items():
        decision.deltas[member] = decision.deltas.get(member, ZERO) - size
    _add_excesses(batch, decision)
    _withdraw_overridden(batch)
    return figures, decision


def _look(
    batch: _Batch,
    *,
    again: bool,
    frees: Mapping[int, Mapping[Member, Held]],
    added: dict[Member, Decimal],
    figures: Figures,
) -> Decision:
    """Decide the trades one by one where a limit is near a mark; else the sums say it all.

    Sums know nothing of trades that were checked before: with such a trade every limit is looked at.
    """
    near = batch.limits if again else near_marks(batch.limits, batch.uses, figures.used, figures.held)
    if not near and not frees:
        return Decision(deltas=added)
    exposures = exposures_of(list(batch.versions), near, version="version")
    for exposure in exposures:
        exposure.frees = frees.get(exposure.trade_id, {})
    decision = decide(near, exposures, figures.used, figures.held)
    if not again:
        decision.deltas = added
    if not near:
        decision.freed = total_of(frees.values())
    return decision


def _draw(batch: _Batch, at: datetime) -> dict[int, Mapping[Member, Held]]:
    """Draw the reservations that trades of the batch name; say of which the room is not held (any more)."""
    drawn = draw_reservations(trade_ids=list(batch.versions), at=at)
    for trade_id in drawn.gone:
        finding = NewFinding(
            trade_id=trade_id,
            version=batch.versions[trade_id],
            code=GONE,
            severity="WARN",
            message="The reservation that this trade names is not held for it: the trade counts like any other.",
        )
        batch.findings.setdefault(trade_id, []).append(finding)
    return drawn.frees


def _add_excesses(batch: _Batch, decision: Decision) -> None:
    for excess in decision.excesses:
        verb = "exceeds" if excess.code == BREACH else "passes the warning mark of"
        finding = NewFinding(
            trade_id=excess.trade_id,
            version=batch.versions[excess.trade_id],
            code=excess.code,
            severity="BLOCK" if excess.code == BREACH else "WARN",
            subject=f"{excess.limit} {excess.key}",
            message=f"With this trade {excess.key} {verb} the limit {excess.limit}.",
            expected=f"at most {excess.bound:,.2f}",
            actual=f"{excess.used:,.2f}",
        )
        batch.findings.setdefault(excess.trade_id, []).append(finding)


def _withdraw_overridden(batch: _Batch) -> None:
    """Drop the findings that two people accepted for exactly this version."""
    again = [trade_id for trade_id in batch.checked_before if trade_id in batch.findings]
    if not again:
        return
    accepted = set(
        sql.rows(
            "SELECT trade_id, version, code, subject FROM trades_override WHERE trade_id = ANY(%s)", [again]
        )
    )
    for trade_id in again:
        batch.findings[trade_id] = [
            each
            for each in batch.findings[trade_id]
            if (trade_id, each.version, each.code, each.subject) not in accepted
        ]


def _exceptions(batch: _Batch, held: Sequence[int]) -> list[NewException]:
    """Return the work items of held trades, one for what checks find and one for what limits do: why, the money at
    risk, and until when they must be free to leave."""
    if not held:
        return []
    facts = sql.rows(
        f"SELECT v.trade_id, v.base_amount, {', '.join(f'v.{column}' for column in DUE_COLUMNS)}"
        " FROM unnest(%s::bigint[], %s::int[]) AS h(trade_id, version)"
        " JOIN trades_version v ON v.trade_id = h.trade_id AND v.version = h.version",
        [list(held), [batch.versions[trade_id] for trade_id in held]],
    )
    deadlines = deadlines_of({Due(*due) for _, _, *due in facts})
    items = []
    for trade_id, base_amount, *due in facts:
        blocking: dict[str, list[NewFinding]] = {}
        for each in batch.findings[trade_id]:
            if each.severity == "BLOCK":
                blocking.setdefault(kind_of_code(each.code), []).append(each)
        items += [
            NewException(
                trade_id=trade_id,
                kind=kind,
                codes=sorted({each.code for each in found}),
                summary=summary_of([each.message for each in found]),
                amount_at_risk=base_amount,
                deadline=deadlines.get(Due(*due)),
            )
            for kind, found in blocking.items()
        ]
    return items


def kind_of_code(code: str) -> str:
    """Return the kind of the work item that a blocking finding of ours makes."""
    return LIMITS if code == BREACH else FINDINGS


def summary_of(messages: Sequence[str]) -> str:
    """Return what a work item says of the findings that hold its trade."""
    return " ".join(dict.fromkeys(messages))[:500]


def _fail(claimed: work.Claim, now: datetime) -> None:
    """Put a failed claim back in single trades; what has failed too often is held by name."""
    spent = [
        subject
        for (subjects,) in sql.rows(
            "SELECT subject_ids FROM core_work WHERE id = ANY(%s) AND attempts >= %s",
            [claimed.work_ids, work.MAX_ATTEMPTS],
        )
        for subject in subjects
    ]
    if spent:
        _hold_unchecked(spent, now, ACTOR)
        sql.run(
            "DELETE FROM core_work WHERE id = ANY(%s) AND attempts >= %s",
            [claimed.work_ids, work.MAX_ATTEMPTS],
        )
    work.postpone(claimed, now=now)


def _hold_unchecked(trade_ids: list[int], now: datetime, actor: Actor) -> None:
    message = "The checks could not be run on this trade; the operator's log says why."
    versions = sql.rows(
        "SELECT trade_id, version FROM trades_state WHERE trade_id = ANY(%s) AND state = %s ORDER BY trade_id",
        [trade_ids, State.CAPTURED.value],
    )
    add_findings(
        findings=[
            NewFinding(
                trade_id=trade_id,
                version=version,
                code=CHECK_FAILED,
                severity="BLOCK",
                message=message,
            )
            for trade_id, version in versions
        ],
        at=now,
    )
    move_trades(
        trade_ids=[trade_id for trade_id, _ in versions],
        source=State.CAPTURED,
        target=State.EXCEPTION,
        at=now,
        actor=actor,
        checked=False,
    )
    open_exceptions(
        items=[
            NewException(
                trade_id=trade_id,
                kind=FINDINGS,
                codes=[CHECK_FAILED],
                summary=message,
                amount_at_risk=None,
                deadline=None,
            )
            for trade_id, _ in versions
        ],
        at=now,
        actor=actor,
    )
