"""Reconciliations for tests: made by two people, run at once, and what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from core import four_eyes, sql
from core.audit import Actor
from ledger.kinds import KINDS
from ledger.services.definitions import Terms, propose_reconciliation
from ledger.services.runs import ask_run, reconcile, run_queued
from tests.support.records import CLERK, LATER, NOW, person

CODE = "TRADES-FO"
CHECKER = Actor("user:checker", "req-2")


def terms(kind: str = "TRADES", source: str = "FO-EQ", **changes: Any) -> Terms:
    """Return what a new reconciliation of a kind says, with the kind's own levels."""
    return replace(Terms(KINDS[kind].title, kind, source, KINDS[kind].levels), **changes)


def defined(code: str = CODE, *, kind: str = "TRADES", source: str = "FO-EQ", **changes: Any) -> str:
    """Have two people make a reconciliation; return its code."""
    approved(
        propose_reconciliation(
            code=code,
            terms=terms(kind, source, **changes),
            reason="so that both sides are known to agree",
            user=somebody("maker"),
            actor=CLERK,
            now=NOW,
        )
    )
    return code


def approved(proposal_id: int, *, now: datetime = NOW) -> None:
    four_eyes.approve(proposal_id=proposal_id, user=somebody("checker"), note="", now=now, actor=CHECKER)


def somebody(name: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.filter(username=name).first() or person(name)


def run(
    code: str = CODE, *, through: date | None = None, now: datetime = LATER, as_at: datetime | None = None
) -> dict[str, Any]:
    """Run a reconciliation at once, and return its run."""
    asked = ask_run(code=code, through=through, as_at=as_at, actor=CLERK, now=now)
    return reconcile(run_id=asked, actor=CLERK, now=now)


def run_all(*, now: datetime = LATER) -> None:
    """Do every run that waits."""
    while run_queued(actor=CLERK, now=now + timedelta(minutes=1)):
        pass


def figures(run: Mapping[str, Any]) -> dict[str, int]:
    """Return what a run found, those figures that are not 0."""
    names = (
        "matched_ours", "matched_theirs", "forced_ours", "forced_theirs", "differing_ours", "differing_theirs",
        "unmatched_ours", "unmatched_theirs", "new", "unchanged", "changed", "cleared",
    )  # fmt: skip
    assert run["state"] == "DONE", run["failure"]
    for side in ("ours", "theirs"):
        assert run[side] == sum(
            run[f"{each}_{side}"] for each in ("matched", "forced", "differing", "unmatched")
        )
    return {name: run[name] for name in names if run[name]}


def open_breaks() -> list[tuple[str, str, Any]]:
    """Return the open breaks: key, outcome and the fields that differ."""
    return [
        (key, outcome, [each["field"] for each in sql.json_value(differences)])
        for key, outcome, differences in sql.rows(
            "SELECT key, outcome, differences FROM ledger_break WHERE closed_at IS NULL ORDER BY key"
        )
    ]


def break_ids() -> list[int]:
    return [each for (each,) in sql.rows("SELECT id FROM ledger_break ORDER BY id")]


def items() -> list[tuple[Any, ...]]:
    """Return the open work items of breaks: codes, money and whose move."""
    return sql.rows(
        "SELECT codes, amount_at_risk, move FROM trades_exception WHERE kind = 'BREAK' AND closed_at IS NULL"
        " ORDER BY subject_id"
    )
