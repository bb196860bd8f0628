"""The check pipeline: claim captured trades, run every check and limit, and move all of them on.

One transaction for a claimed batch: findings, limits' figures, states and events commit together or not at
all. Killed half-way, the claim is free again and nothing was counted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from core import sql, work
from core.audit import Actor, system
from core.clock import business_date
from core.money import ZERO
from risk.checks import CHECKS
from risk.checks._composition import composed_statement, parameters
from risk.services.limits import (
    BREACH,
    Decision,
    Exposure,
    counted_exposures,
    decide,
    limits_in_force,
    lock_figures,
    members_of,
    move_figures,
)
from trades.lifecycle import WAKES, State, move_trades
from trades.services.exceptions import NewException, close_exceptions, open_exceptions
from trades.services.findings import NewFinding, add_findings, clear_findings

_log = logging.getLogger(__name__)
TASK = WAKES[State.CAPTURED]
BATCH = 5_000
ACTOR = system("checks")
NOON = clock_time(12)


@dataclass(slots=True)
class _Checked:
    """One trade of the batch with what was found of it."""

    trade_id: int
    version: int
    checked_version: int | None
    settlement_date: date
    exposure: Exposure
    findings: list[NewFinding] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return bool(self.findings) and any(finding.severity == "BLOCK" for finding in self.findings)


def check_captured(*, now: datetime, limit: int = BATCH) -> int:
    """Claim up to about `limit` captured trades, check them and move them on; return how many were claimed.

    Zero means nothing waits. A batch that fails is split, so that one bad trade fails alone, and tried again
    later; what fails to the end is held with a CHECK_FAILED finding.
    """
    with transaction.atomic():
        claimed = work.claim(TASK, limit=limit, now=now)
        if not claimed:
            return 0
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
    checked, _ = _find(trade_ids, at)
    return [
        {
            "code": finding.code,
            "severity": finding.severity,
            "subject": finding.subject,
            "message": finding.message,
            "expected": finding.expected,
            "actual": finding.actual,
            "version": finding.version,
            "found_at": at,
            "closed_at": None,
            "closing": "",
        }
        for each in checked
        for finding in each.findings
    ]


def _check_and_move(claimed: work.Claim, now: datetime) -> None:
    checked, recount = _find(claimed.subject_ids, now, claimed=claimed)
    move_figures(*recount)
    again = [each.trade_id for each in checked if each.checked_version is not None]
    if again:
        clear_findings(trade_ids=again, closing="CLEARED", at=now)
    add_findings(findings=[finding for each in checked for finding in each.findings], at=now)
    passed = [each for each in checked if not each.held]
    held = [each for each in checked if each.held]
    for group, target in ((passed, State.VALIDATED), (held, State.EXCEPTION)):
        move_trades(
            trade_ids=[each.trade_id for each in group],
            source=State.CAPTURED,
            target=target,
            at=now,
            actor=ACTOR,
            locked=True,
        )
    if again:
        passed_again = [each.trade_id for each in passed if each.checked_version is not None]
        close_exceptions(trade_ids=passed_again, resolution="checks pass", closed_by=ACTOR, at=now)
    open_exceptions(items=[_exception(each) for each in held], at=now, actor=ACTOR)


def _find(
    trade_ids: Sequence[int], now: datetime, *, claimed: work.Claim | None = None
) -> tuple[list[_Checked], tuple[dict[Any, int], dict[Any, Decimal]]]:
    """Run all checks and limits over trades; return them, and how the limits' figures must move."""
    today = business_date(now)
    checked = _run_checks(trade_ids, today)
    limits = limits_in_force(on=today)
    exposures = [each.exposure for each in checked]
    superseded = counted_exposures(
        [each.trade_id for each in checked if each.checked_version not in {None, each.version}]
    )
    if claimed is not None:
        work.wait_for_earlier(TASK, claimed)
    row_ids, used = lock_figures(members_of(limits, [*exposures, *superseded]))
    freed = decide(limits, superseded, {}).deltas
    for member, size in freed.items():
        used[member] -= size
    decision = decide(limits, exposures, used)
    for member, size in freed.items():
        decision.deltas[member] = decision.deltas.get(member, ZERO) - size
    _add_excesses(checked, decision)
    return checked, (row_ids, decision.deltas)


def _run_checks(trade_ids: Sequence[int], today: date) -> list[_Checked]:
    rows = sql.rows(composed_statement(), {"ids": list(trade_ids), "today": today, **parameters()})
    checked = []
    for trade_id, version, checked_version, settles, base_amount, *places, findings in rows:
        exposure = Exposure(trade_id, base_amount, places, counted=checked_version == version)
        each = _Checked(trade_id, version, checked_version, settles, exposure)
        if findings:
            each.findings = _findings(each, findings)
        checked.append(each)
    _withdraw_overridden(checked)
    return checked


def _findings(each: _Checked, found: list[list[str]]) -> list[NewFinding]:
    findings = []
    for code, subject, expected, actual in found:
        check = CHECKS[code]
        if check.confirm is not None and not check.confirm(actual):
            continue
        words = {"subject": subject, "expected": expected or "", "actual": actual or ""}
        findings.append(
            NewFinding(
                trade_id=each.trade_id,
                version=each.version,
                code=code,
                severity=check.severity,
                message=check.message.format(**words),
                **words,
            )
        )
    findings.sort(key=lambda finding: CHECKS[finding.code].precedence)
    return findings


def _add_excesses(checked: list[_Checked], decision: Decision) -> None:
    by_id = {each.trade_id: each for each in checked}
    found = []
    for excess in decision.excesses:
        each = by_id[excess.trade_id]
        verb = "exceeds" if excess.code == BREACH else "passes the warning mark of"
        finding = NewFinding(
            trade_id=each.trade_id,
            version=each.version,
            code=excess.code,
            severity="BLOCK" if excess.code == BREACH else "WARN",
            subject=f"{excess.limit} {excess.key}",
            message=f"With this trade {excess.key} {verb} the limit {excess.limit}.",
            expected=f"at most {excess.bound:,.2f}",
            actual=f"{excess.used:,.2f}",
        )
        each.findings.append(finding)
        found.append(each)
    if found:
        _withdraw_overridden(found)


def _withdraw_overridden(checked: list[_Checked]) -> None:
    """Drop the findings that two people accepted for exactly this version."""
    again = [each.trade_id for each in checked if each.checked_version is not None and each.findings]
    if not again:
        return
    accepted = set(
        sql.rows(
            "SELECT trade_id, version, code, subject FROM trades_override WHERE trade_id = ANY(%s)", [again]
        )
    )
    for each in checked:
        each.findings = [
            finding
            for finding in each.findings
            if (finding.trade_id, finding.version, finding.code, finding.subject) not in accepted
        ]


def _exception(each: _Checked) -> NewException:
    blocking = [finding for finding in each.findings if finding.severity == "BLOCK"]
    return NewException(
        trade_id=each.trade_id,
        kind="FINDING",
        codes=sorted({finding.code for finding in blocking}),
        summary=" ".join(dict.fromkeys(finding.message for finding in blocking))[:500],
        amount_at_risk=each.exposure.base_amount,
        deadline=_deadline(each.settlement_date),
    )


def _deadline(settlement_date: date) -> datetime:
    """Return when a held trade must be free to settle on its date: noon of the business zone."""
    return datetime.combine(settlement_date, NOON, tzinfo=ZoneInfo(settings.BUSINESS_TIME_ZONE))


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
    work.postpone(TASK, claimed.work_ids, now=now)


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
                code="CHECK_FAILED",
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
                kind="FINDING",
                codes=["CHECK_FAILED"],
                summary=message,
                amount_at_risk=None,
                deadline=None,
            )
            for trade_id, _ in versions
        ],
        at=now,
        actor=actor,
    )
