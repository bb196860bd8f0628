"""Approvals: what awaits a second person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Problem
from core.models import Proposal
from ops import selectors
from ops.permissions import Right, may
from ops.shell import Shown, actor, denied, needs, person, posted, show
from risk.services.excess import approve_excess, decline_excess, withdraw_excess


@dataclass(frozen=True)
class Decision:
    """What becomes of a proposal: the right it needs, what it calls, what the person is told."""

    right: Right
    service: Callable[..., Proposal]
    told: str


DECISIONS = {
    "approve": Decision(
        Right.APPROVE_EXCESS, approve_excess, "Approved; the trade goes on unless something else holds it."
    ),
    "decline": Decision(Right.APPROVE_EXCESS, decline_excess, "Declined; the trade stays held."),
    "withdraw": Decision(Right.PROPOSE_EXCESS, withdraw_excess, "Withdrawn; the trade stays held."),
}


@needs(Right.READ_APPROVALS)
def approvals(request: HttpRequest) -> HttpResponse:
    """Show the pending proposals and what was decided last."""
    return _show(request)


@posted("approvals")
@needs(Right.READ_APPROVALS)
def decide(request: HttpRequest, ref: str, decision: str) -> HttpResponse:
    """Approve or decline a proposal that somebody else made, or withdraw one's own."""
    proposal_id = ids.database_id(ids.PROPOSAL, ref)
    chosen = DECISIONS.get(decision)
    if proposal_id is None or chosen is None:
        raise Http404
    if not may(request.user, chosen.right):
        return denied(request, chosen.right)
    try:
        chosen.service(
            proposal_id=proposal_id,
            user=person(request),
            note=request.POST.get("note", ""),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, problem=problem, failed=proposal_id)
    messages.success(request, chosen.told)
    return HttpResponseRedirect(reverse("approvals"), status=303)


def _show(request: HttpRequest, *, problem: Problem | None = None, failed: int | None = None) -> HttpResponse:
    context = {
        "pending": selectors.pending_proposals(),
        "decided": selectors.decided_proposals(),
        "problem": Shown.of(problem) if problem else None,
        "failed": failed,
        "typed": request.POST if problem else {},
    }
    status = problem.status if problem else 200
    return show(request, "ops/approvals.html", context, screen="approvals", now=utc_now(), status=status)
