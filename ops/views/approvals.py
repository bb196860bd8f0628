"""Approvals: what awaits a second person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import four_eyes, ids
from core.as_of import AsOf
from core.clock import utc_now
from core.http.problem import Problem
from ledger.services.accounts import KIND as ACCOUNTS
from ledger.services.corporate_actions import KIND as ACTION
from ledger.services.definitions import KIND as RECONCILIATION
from ledger.services.lot_policies import KIND as POLICY
from ledger.services.periods import KIND as PERIOD
from ops import effects, reconciliation_form, selectors, utilisations
from ops.as_of import as_at, clock, where
from ops.permissions import Right, may
from ops.proposals import DECISIONS, KINDS, subject_of
from ops.shell import Shown, actor, chooses, denied, needs, person, posted, show
from ops.views import calendars, checks, fees, journal, positions, reference_proposal, ssis
from refdata.changes import KIND as REFERENCE
from refdata.fee_rules import KIND as FEE
from risk.services.back_test import DEFAULT_DAYS, back_tests_of_contents
from risk.services.parameters import KIND as CHECK
from settlement.services.calendar_change import KIND as CALENDAR
from settlement.services.release import KIND as RELEASE
from settlement.services.ssi_change import KIND as SSI
from trades.services.single_change import PROPOSAL_KIND as CHANGE

_BACK_TESTS_SHOWN = 3
_FORESEEN = 5  # changes of SSIs whose effect is looked at for one page


@needs(Right.READ_APPROVALS)
def approvals(request: HttpRequest) -> HttpResponse:
    """Show the pending proposals and what was decided last."""
    return _show(request)


@posted("approvals")
@needs(Right.READ_APPROVALS)
def decide(request: HttpRequest, ref: str, decision: str) -> HttpResponse:
    """Approve or decline a proposal that somebody else made, or withdraw one's own."""
    proposal_id = ids.database_id(ids.PROPOSAL, ref)
    kind = selectors.proposal_kind(proposal_id) if proposal_id is not None else None
    chosen = DECISIONS.get(kind or "", {}).get(decision)
    if chosen is None:
        raise Http404
    if not may(request.user, chosen.right):
        return denied(request, chosen.right)
    try:
        typed = _typed(request, kind or "") if decision == "approve" else {}
        chosen.service(
            proposal_id=proposal_id,
            user=person(request),
            note=request.POST.get("note", ""),
            actor=actor(request),
            now=utc_now(),
            **typed,
        )
    except Problem as problem:
        return _show(request, problem=problem, failed=proposal_id)
    messages.success(request, chosen.told)
    return HttpResponseRedirect(reverse("approvals"), status=303)


def _typed(request: HttpRequest, kind: str) -> dict[str, str]:
    """Return what the approval of a kind takes typed in, whatever the form has sent: an amount, a count,
    what was seen of the effect, or nothing."""
    if kind == RELEASE:
        return {"typed": request.POST.get("count", "")}
    if kind in {SSI, CALENDAR}:
        return {"seen": request.POST.get("seen", "")}
    return {"typed": request.POST.get("amount", "")} if kind in four_eyes.kinds_with_stakes() else {}


# Which of the rights it takes depends on what was proposed.
chooses(
    "decision",
    {
        name: tuple(dict.fromkeys(kind[name].right for kind in DECISIONS.values()))
        for name in ("approve", "decline", "withdraw")
    },
    decide,
)


def _shown(
    proposal: dict[str, Any], request: HttpRequest, thresholds: Mapping[str, Decimal]
) -> dict[str, Any]:
    """Return a proposal with what it would come to, and whether the person may decide on its kind."""
    decisions, amount = DECISIONS[proposal["kind"]], proposal["content"].get("amount")
    changes, present = proposal["kind"] == CHANGE, as_at(request) is None
    return {
        **proposal,
        "may_decide": present and may(request.user, decisions["approve"].right),
        "may_withdraw": present
        and proposal["maker_id"] == request.user.pk
        and may(request.user, decisions["withdraw"].right),
        "to_type": four_eyes.to_type(kind=proposal["kind"], amount=amount, among=thresholds),
        "rows": effects.rows(proposal["content"]["effects"]) if changes else [],
        "part": f"ops/proposals/{KINDS[proposal['kind']].part}.html",
        "where": subject_of(proposal),
    }


def _tell_of_checks(proposals: Sequence[dict[str, Any]]) -> None:
    """Tell of proposals for checks what they change, and what back-tests of just that have said."""
    contents = [each["content"] for each in proposals]
    tests = back_tests_of_contents(
        [(each["code"], each["after"]) for each in contents], most=_BACK_TESTS_SHOWN
    )
    for proposal, content, found in zip(proposals, contents, tests, strict=True):
        proposal.update({"set": checks.compared(content), "back_tests": found})


_FORETOLD = {SSI: ("ssis", ssis.told), CALENDAR: ("calendars", calendars.told)}


def _foretell(proposals: Sequence[dict[str, Any]], kind: str, *, present: bool) -> None:
    """Tell of changes of a kind what they come to: of the first ones now, of the others as it was told when they were
    made, which is what an approval of these goes by."""
    name, tell = _FORETOLD[kind]
    for at, proposal in enumerate(each for each in proposals if each["kind"] == kind):
        foreseen = present and at < _FORESEEN
        proposal[name] = tell(proposal["content"]) if foreseen else {"then": proposal["content"]["effect"]}


def _of_limits(request: HttpRequest, thresholds: Mapping[str, Decimal]) -> list[dict[str, Any]]:
    """Return what is proposed about limits and stops, for those who may read these; they know no past."""
    readable = as_at(request) is None and may(request.user, Right.READ_LIMITS)
    return (
        [_shown(each, request, thresholds) for each in utilisations.pending(now=utc_now())]
        if readable
        else []
    )


def _decided(as_of: AsOf | None) -> list[dict[str, Any]]:
    """Return what was decided last, what is about limits with its title."""
    return [
        {**each, "title": utilisations.title_of(each["kind"], each["content"])}
        if each["kind"] in utilisations.KINDS
        else {**each, "where": subject_of(each)}
        for each in selectors.decided_proposals(as_of)
    ]


def _show(request: HttpRequest, *, problem: Problem | None = None, failed: int | None = None) -> HttpResponse:
    as_of = where(request)
    thresholds = four_eyes.thresholds()
    pending = [_shown(each, request, thresholds) for each in selectors.pending_proposals(as_of)]
    _tell_of_checks([each for each in pending if each["kind"] == CHECK])
    for each in pending:
        if each["kind"] == FEE:
            each["set"] = fees.compared(each["content"])
        elif each["kind"] in (ACTION, POLICY):
            each["set"] = positions.compared(each["content"])
        elif each["kind"] in (PERIOD, ACCOUNTS):
            each["set"] = journal.compared(each["content"])
        elif each["kind"] == REFERENCE:
            each["set"] = reference_proposal.shown_rows(each["content"]["of_kind"], each["content"]["first"])
        elif each["kind"] == RECONCILIATION:
            each["set"] = reconciliation_form.compared(each["content"])
    of_limits = _of_limits(request, thresholds)
    for kind in _FORETOLD:
        _foretell(pending, kind, present=as_of is None)
    context = {
        "pending": pending,
        "of_limits": of_limits,
        "decided": _decided(as_of),
        "proposals_shown": selectors.PROPOSALS_SHOWN,
        "problem": Shown.of(problem) if problem else None,
        "default_days": DEFAULT_DAYS,
        "failed": failed if any(each["id"] == failed for each in [*pending, *of_limits]) else None,
        "typed": request.POST if problem else {},
    }
    status = problem.status if problem else 200
    return show(request, "ops/approvals.html", context, screen="approvals", now=clock(request), status=status)
