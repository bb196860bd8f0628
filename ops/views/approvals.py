"""Approvals: what awaits a second person."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Problem
from ops import selectors
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show
from risk.services.excess import approve_excess, decline_excess

_DECISIONS = {
    "approve": (approve_excess, "Approved; the trade goes on unless something else holds it."),
    "decline": (decline_excess, "Declined; the trade stays held."),
}


@needs(Right.READ_APPROVALS)
def approvals(request: HttpRequest) -> HttpResponse:
    """Show the pending proposals and what was decided last."""
    return _show(request)


@posted("approvals")
@needs(Right.APPROVE_EXCESS)
def decide(request: HttpRequest, ref: str, decision: str) -> HttpResponse:
    """Approve or decline a proposal that somebody else made."""
    proposal_id = ids.database_id(ids.PROPOSAL, ref)
    if proposal_id is None or decision not in _DECISIONS:
        raise Http404
    service, told = _DECISIONS[decision]
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
