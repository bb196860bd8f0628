"""Approvals: what awaits a second person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Problem
from ops import effects, selectors
from ops.permissions import Right, may
from ops.shell import Shown, actor, denied, needs, person, posted, show
from risk.services.excess import KIND as EXCESS
from risk.services.excess import approve_excess, decline_excess
from trades.services.single_change import PROPOSAL_KIND as CHANGE
from trades.services.single_change import approve_change, decline_change

# By the kind of what was proposed: the right that its decision needs, and what each decision does and says.
_DECISIONS: dict[str, tuple[Right, dict[str, tuple[Callable[..., Any], str]]]] = {
    EXCESS: (
        Right.APPROVE_EXCESS,
        {
            "approve": (approve_excess, "Approved; the checks look at the trade again."),
            "decline": (decline_excess, "Declined; the trade stays held."),
        },
    ),
    CHANGE: (
        Right.APPROVE_CHANGE,
        {
            "approve": (approve_change, "Approved; the trade is changed."),
            "decline": (decline_change, "Declined; the trade stays as it is."),
        },
    ),
}


@needs(Right.READ_APPROVALS)
def approvals(request: HttpRequest) -> HttpResponse:
    """Show the pending proposals and what was decided last."""
    return _show(request)


@posted("approvals")
@needs(Right.READ_APPROVALS)
def decide(request: HttpRequest, ref: str, decision: str) -> HttpResponse:
    """Approve or decline a proposal that somebody else made."""
    proposal_id = ids.database_id(ids.PROPOSAL, ref)
    kind = selectors.proposal_kind(proposal_id) if proposal_id is not None else None
    if kind not in _DECISIONS or decision not in _DECISIONS[kind][1]:
        raise Http404
    right, decisions = _DECISIONS[kind]
    if not may(request.user, right):
        return denied(request, right)
    service, told = decisions[decision]
    try:
        service(
            proposal_id=proposal_id,
            user=person(request),
            note=request.POST.get("note", ""),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, problem=problem, failed=proposal_id)
    messages.success(request, told)
    return HttpResponseRedirect(reverse("approvals"), status=303)


def _shown(proposal: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    """Return a proposal with what it would come to, and whether the person may decide on its kind."""
    right, _ = _DECISIONS[proposal["kind"]]
    changes = proposal["kind"] == CHANGE
    return {
        **proposal,
        "may_decide": may(request.user, right),
        "rows": effects.rows(proposal["content"]["effects"]) if changes else [],
    }


def _show(request: HttpRequest, *, problem: Problem | None = None, failed: int | None = None) -> HttpResponse:
    context = {
        "pending": [_shown(each, request) for each in selectors.pending_proposals()],
        "decided": selectors.decided_proposals(),
        "problem": Shown.of(problem) if problem else None,
        "failed": failed,
        "typed": request.POST if problem else {},
    }
    status = problem.status if problem else 200
    return show(request, "ops/approvals.html", context, screen="approvals", now=utc_now(), status=status)
