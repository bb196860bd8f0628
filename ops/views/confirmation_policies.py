"""Policies of confirmations: which deals must be confirmed before they are sealed, by when, and who is reminded."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.clock import utc_now
from core.http.problem import Fault, Problem
from ops import selectors
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show
from ops.views.profit import read_number
from trades.products import PRODUCTS
from trades.selectors.confirmations import list_policies
from trades.services.confirmation_policy import HOURS_MAX, KIND, propose_policy

_SHOWN = 200
_LONGEST = 254  # characters, of an address
_HOURS = ("overdue_after_hours", "remind_every_hours")
_FIELDS = ("product", "party", "demanded", *_HOURS, "mail_to", "reason")
_DEMANDED = {"yes": True, "no": False, "": None}


@needs(Right.READ_CONFIRMATIONS)
def policies(request: HttpRequest) -> HttpResponse:
    """Show the policies, and the form to propose one or another one in the place of one."""
    return _show(request)


@posted("confirmation_policies")
@needs(Right.PROPOSE_CONFIRMATION)
def propose(request: HttpRequest) -> HttpResponse:
    """Propose the policy that the form says."""
    typed = _typed(request)
    try:
        propose_policy(
            product=typed["product"],
            party=typed["party"],
            demanded=_DEMANDED.get(typed["demanded"]),
            **_hours(typed),
            mail_to=typed["mail_to"],
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, problem=problem)
    messages.success(request, "The policy is proposed. Somebody else must approve it.")
    return HttpResponseRedirect(reverse("confirmation_policies"), status=303)


def _hours(typed: dict[str, str]) -> dict[str, int | None]:
    """Return the hours of a form, None where they are left empty; Problem 422 naming those that are no number."""
    found = {name: read_number(typed[name]) if typed[name] else None for name in _HOURS}
    faults = [
        Fault(f"/{name}", f"A whole number from 1 to {HOURS_MAX:,}, or nothing.", "type")
        for name in _HOURS
        if typed[name] and found[name] is None
    ]
    if faults:
        raise Problem(422, "invalid", "This policy cannot be proposed.", faults=faults)
    return found


def _show(request: HttpRequest, *, problem: Problem | None = None) -> HttpResponse:
    now, rows = utc_now(), list_policies()
    context: dict[str, Any] = {
        "rows": rows[:_SHOWN],
        "is_cut": len(rows) > _SHOWN,
        "shown": _SHOWN,
        "products": [(each.code, each.title) for each in PRODUCTS.values()],
        "pending": [each for each in selectors.pending_proposals() if each["kind"] == KIND],
        "hours_max": HOURS_MAX,
        "typed": _typed(request),
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(
        request,
        "ops/confirmation_policies.html",
        context,
        screen="confirmation_policies",
        now=now,
        status=status,
    )


def _typed(request: HttpRequest) -> dict[str, str]:
    """Return what was typed; where nothing was yet, what the address names: a policy to be changed."""
    given = request.POST if request.method == "POST" else request.GET
    return {name: given.get(name, "").replace("\0", "").strip()[:_LONGEST] for name in _FIELDS}
