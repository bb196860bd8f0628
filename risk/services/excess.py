"""Excesses: what a check or limit holds may be accepted by two people, for one version of one trade."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor
from core.http.problem import Fault, Problem
from core.models import Proposal
from risk.checks import CHECKS
from risk.services.check import CLOSED_AS, kind_of_code, own_codes, summary_of
from trades.lifecycle import SUBJECT, State, lock_trades, move_trades
from trades.models import ExceptionItem
from trades.services.exceptions import NewException, close_exceptions, open_exceptions
from trades.services.findings import OVERRIDDEN, close_findings
from trades.services.versions import base_amount_of, lock_held

KIND = "excess"
_OF_LIMITS = "LIMIT_"  # codes of findings that limits make, beside those of checks


def is_overridable(code: str) -> bool:
    """Tell whether two people may accept a finding of this code."""
    if code.startswith(_OF_LIMITS):
        return True
    return code in CHECKS and CHECKS[code].overridable


def propose_excess(
    *,
    trade_id: int,
    codes: Sequence[str],
    reason: str,
    user: AbstractBaseUser,
    actor: Actor,
    now: datetime,
    version: int | None = None,
    typed: str = "",
) -> int:
    """Propose to accept all open blocking findings of some codes, as they are now; return the proposal's id.

    version: what the person has seen (None: whatever is current). Problem 404 for an unknown trade, 412 when
    it has another version by now, 409 when it is not held or an excess of it waits already, 422 for every
    code that is not open or cannot be accepted, without a reason, and without the amount at risk (`typed`) where
    the policy asks for it.
    """
    with transaction.atomic():
        version = lock_held(trade_id=trade_id, version=version)
        wanted = list(dict.fromkeys(codes))
        findings = _blocking(trade_id, version, wanted)
        if faults := _code_faults(wanted, findings):
            raise Problem(422, "not-overridable", "These findings cannot be accepted.", faults=faults)
        return four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=trade_id,
            content={
                "version": version,
                "findings": _content(findings),
                "amount": four_eyes.amount_text(base_amount_of(trade_id)),
            },
            typed=typed,
            user=user,
            reason=reason,
            now=now,
            actor=actor,
        )


def excess_to_type(trade_id: int) -> str | None:
    """Return the amount that must be typed in to accept what holds a trade; None when none needs to be."""
    amount = four_eyes.amount_text(base_amount_of(trade_id))
    return amount if four_eyes.to_type(kind=KIND, amount=amount) else None


def approve_excess(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime, typed: str = ""
) -> Proposal:
    """Accept what was proposed: the findings are overridden and the checks run again, once nothing else that
    people must answer holds the trade.

    Problem 409 when the trade or its findings are no longer what they were; else as `four_eyes.approve`.
    """
    return four_eyes.approve(
        proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND, typed=typed
    )


def decline_excess(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Refuse what was proposed; the trade stays held. Refuses as `four_eyes.decline`."""
    return four_eyes.decline(proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND)


def withdraw_excess(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Take back one's own proposal; the trade stays held. Refuses as `four_eyes.withdraw`."""
    return four_eyes.withdraw(proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND)


_PENDING = """
SELECT p.id FROM core_proposal p JOIN trades_state s ON s.trade_id = p.subject_id
WHERE p.kind = %s AND p.subject = %s AND p.subject_id = ANY(%s) AND p.state = 'PENDING'
  AND (s.state = %s OR (p.content->>'version')::int <> s.version)
"""


def void_superseded(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Void the proposals for trades that have another version by now, or are cancelled."""
    found = sql.rows(_PENDING, [KIND, SUBJECT, list(trade_ids), State.CANCELLED.value])
    four_eyes.void(
        proposal_ids=[proposal_id for (proposal_id,) in found],
        reason="the trade has changed",
        now=at,
        actor=actor,
    )


def apply_excess(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Override the findings of an approved proposal, and send the trade back to the checks.

    A trade that the back office has rejected as well stays held for that.
    """
    trade_id, version = proposal.subject_id, proposal.content["version"]
    lock_held(trade_id=trade_id, version=version)
    codes = sorted({each["code"] for each in proposal.content["findings"]})
    findings = _blocking(trade_id, version, codes)
    if _content(findings) != proposal.content["findings"]:
        raise Problem(
            409,
            "findings-changed",
            "The findings are no longer what was proposed.",
            detail="They were checked again in the meantime. Decline this proposal and make a new one.",
        )
    sql.run(
        "INSERT INTO trades_override (trade_id, version, code, subject, proposal_id, made_at)"
        " SELECT DISTINCT trade_id, version, code, subject, %s::bigint, %s::timestamptz"
        " FROM trades_finding WHERE id = ANY(%s) ON CONFLICT DO NOTHING",
        [proposal.id, at, [each["id"] for each in findings]],
    )
    close_findings(finding_ids=[each["id"] for each in findings], closing=OVERRIDDEN, at=at)
    if _rejected(trade_id):
        _answer_findings(trade_id, version, actor, at)
        return
    move_trades(
        trade_ids=[trade_id],
        source=State.EXCEPTION,
        target=State.CAPTURED,
        at=at,
        actor=actor,
        reason=f"excess approved: {', '.join(codes)}",
        locked=True,
    )


def _rejected(trade_id: int) -> bool:
    """Tell whether the back office's rejection of the trade still waits for an answer."""
    return ExceptionItem.objects.filter(trade_id=trade_id, kind="REJECTION", closed_at=None).exists()


def _answer_findings(trade_id: int, version: int, actor: Actor, at: datetime) -> None:
    """Take what was accepted off the work items of the findings, of a trade that stays held.

    Whoever accepts an excess has not looked at a rejection. To send the trade to the checks would answer that
    too; the person who answers it does so, and the checks then honour what was accepted.
    """
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in CLOSED_AS}
    for each in _blocking(trade_id, version, own_codes()):
        found[kind_of_code(each["code"])].append(each)
    item = ExceptionItem.objects.filter(trade_id=trade_id, kind__in=CLOSED_AS, closed_at=None).first()
    told = [
        NewException(
            trade_id,
            kind,
            sorted({each["code"] for each in left}),
            summary_of([each["message"] for each in left]),
            item.amount_at_risk if item else None,
            item.deadline if item else None,
        )
        for kind, left in found.items()
        if left
    ]
    done = [kind for kind, left in found.items() if not left]
    close_exceptions(trade_ids=[trade_id], kinds=done, resolution="excess approved", closed_by=actor, at=at)
    open_exceptions(items=told, at=at, actor=actor)


def lock_trade(trade_id: int) -> None:
    """Lock a trade before its proposal, as whatever voids the proposal does."""
    lock_trades([trade_id])


def _blocking(trade_id: int, version: int, codes: Sequence[str]) -> list[dict[str, Any]]:
    return sql.records(
        "SELECT id, code, subject, message, expected, actual FROM trades_finding"
        " WHERE trade_id = %s AND version = %s AND severity = 'BLOCK' AND closed_at IS NULL"
        " AND code = ANY(%s) ORDER BY code, subject, id",
        [trade_id, version, list(codes)],
    )


def _content(findings: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    names = ("code", "subject", "message", "expected", "actual")
    return [{name: each[name] for name in names} for each in findings]


def _code_faults(codes: Sequence[str], findings: Sequence[dict[str, Any]]) -> list[Fault]:
    if not codes:
        return [Fault("/codes", "At least one finding is required.", "missing")]
    blocking = {each["code"] for each in findings}
    faults = []
    for at, code in enumerate(codes):
        if code not in blocking:
            faults.append(Fault(f"/codes/{at}", f"{code} does not hold this trade.", "not-open"))
        elif not is_overridable(code):
            why = f"{code} is a fault of the data: it must be corrected."
            faults.append(Fault(f"/codes/{at}", why, "not-overridable"))
    return faults
