"""Approvals: what awaits a second person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import four_eyes, ids
from core.clock import utc_now
from core.http.problem import Problem
from core.models import Proposal
from ops import effects, selectors
from ops.permissions import Right, may
from ops.shell import Shown, actor, chooses, denied, needs, person, posted, show
from risk.services.excess import KIND as EXCESS
from risk.services.excess import approve_excess, decline_excess, withdraw_excess
from trades.services.single_change import PROPOSAL_KIND as CHANGE
from trades.services.single_change import approve_change, decline_change, withdraw_change


@dataclass(frozen=True)
class Decision:
    """What becomes of a proposal: the right it needs, what it calls, what the person is told."""

    right: Right
    service: Callable[..., Proposal]
    told: str


# By the kind of what was proposed.
DECISIONS = {
    EXCESS: {
        "approve": Decision(
            Right.APPROVE_EXCESS,
            approve_excess,
            "Approved; the trade goes on unless something else holds it.",
        ),
        "decline": Decision(Right.APPROVE_EXCESS, decline_excess, "Declined; the trade stays held."),
        "withdraw": Decision(Right.PROPOSE_EXCESS, withdraw_excess, "Withdrawn; the trade stays held."),
    },
    CHANGE: {
        "approve": Decision(Right.APPROVE_CHANGE, approve_change, "Approved; the trade is changed."),
        "decline": Decision(Right.APPROVE_CHANGE, decline_change, "Declined; the trade stays as it is."),
        "withdraw": Decision(Right.CHANGE, withdraw_change, "Withdrawn; the trade stays as it is."),
    },
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
    kind = selectors.proposal_kind(proposal_id) if proposal_id is not None else None
    chosen = DECISIONS.get(kind or "", {}).get(decision)
    if chosen is None:
        raise Http404
    if not may(request.user, chosen.right):
        return denied(request, chosen.right)
    try:
        # Only the form of a kind that has an amount at stake asks for it.
        asked = decision == "approve" and "amount" in request.POST
        typed = {"typed": request.POST["amount"]} if asked else {}
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


# Which of the rights it takes depends on what was proposed.
chooses(
    "decision",
    {
        name: tuple(dict.fromkeys(kind[name].right for kind in DECISIONS.values()))
        for name in ("approve", "decline", "withdraw")
    },
    decide,
)


def _shown(proposal: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    """Return a proposal with what it would come to, and whether the person may decide on its kind."""
    decisions = DECISIONS[proposal["kind"]]
    changes = proposal["kind"] == CHANGE
    return {
        **proposal,
        "may_decide": may(request.user, decisions["approve"].right),
        "may_withdraw": proposal["maker_id"] == request.user.pk
        and may(request.user, decisions["withdraw"].right),
        "to_type": four_eyes.to_type(kind=proposal["kind"], amount=proposal["content"].get("amount")),
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
