"""Back-tests: what a check, set otherwise, would have said of the trades of the last days."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from ops.permissions import Right
from ops.shell import actor, needs, posted, show
from ops.views.checks import compared, show_check, typed_draft
from risk.models import BackTest
from risk.services.back_test import (
    GOING_ON,
    KEPT_MAX,
    NAMED_DAYS,
    affected_trades,
    cancel_back_test,
    find_back_test,
    share_done,
    start_back_test,
)

_SHOWN = 50


@posted("check")
@needs(Right.PROPOSE_CHECK)
def start(request: HttpRequest, ref: str) -> HttpResponse:
    """Back-test what the form of a check says."""
    try:
        back_test_id = start_back_test(
            code=ref,
            draft=typed_draft(request, ref),
            days=_days(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return show_check(request, ref, problem=problem)
    return _to(back_test_id)


@posted("approvals")
@needs(Right.PROPOSE_CHECK)
def start_of_proposal(request: HttpRequest) -> HttpResponse:
    """Back-test a proposal that waits for a second person."""
    proposal_id = ids.database_id(ids.PROPOSAL, request.POST.get("proposal", ""))
    if proposal_id is None:
        raise Http404
    back_test_id = start_back_test(
        proposal_id=proposal_id, days=_days(request), actor=actor(request), now=utc_now()
    )
    return _to(back_test_id)


@needs(Right.READ_CHECKS)
def back_test(request: HttpRequest, ref: str) -> HttpResponse:
    """Show a back-test: how far it has come, its figures, and the trades of another outcome."""
    found = _find(ref)
    after = request.GET.get("after", "")
    after_id = int(after[:18]) if after.isascii() and after.isdecimal() else 0
    trades = affected_trades(found.id, after=after_id, limit=_SHOWN + 1)
    context: dict[str, Any] = {
        "found": found,
        "reference": ref,
        "set": compared({"before": found.before, "after": found.after}),
        "share": share_done(found),
        "per_cent": int(share_done(found) * 100),
        "going_on": found.state in GOING_ON,
        "rate_before": _rate(found.straight_before, found),
        "rate_after": _rate(found.straight_after, found),
        "change": _change(found),
        "trades": trades[:_SHOWN],
        "more": trades[_SHOWN - 1].trade_id if len(trades) > _SHOWN else None,
        "is_first_page": not after_id,
        "kept": KEPT_MAX,
        "named_days": NAMED_DAYS,
    }
    return show(request, "ops/back_test.html", context, screen="back_test", now=utc_now())


@posted("back_test")
@needs(Right.PROPOSE_CHECK)
def cancel(request: HttpRequest, ref: str) -> HttpResponse:
    """Stop a back-test."""
    found = _find(ref)
    try:
        cancel_back_test(back_test_id=found.id, now=utc_now())
        messages.success(request, f"{ref} is cancelled; what it has counted stays.")
    except Problem as problem:
        messages.error(request, f"{problem.title} {problem.detail}")
    return _to(found.id)


def _find(ref: str) -> BackTest:
    return find_back_test(ids.database_id(ids.BACK_TEST, ref))


def _to(back_test_id: int) -> HttpResponse:
    reference = ids.public_id(ids.BACK_TEST, back_test_id)
    return HttpResponseRedirect(reverse("back_test", args=[reference]), status=303)


def _days(request: HttpRequest) -> int:
    typed = request.POST.get("days", "").strip()
    if typed.isascii() and typed.isdecimal() and len(typed) <= 9:
        return int(typed)
    faults = [Fault("/days", "A whole number of days.", "type")]
    raise Problem(422, "invalid", "The back-test cannot be started.", faults=faults)


def _rate(straight: int, found: BackTest) -> Decimal | None:
    """Return how many of a hundred trades went, or would go, straight through."""
    return Decimal(straight * 100) / Decimal(found.looked_at) if found.looked_at else None


def _change(found: BackTest) -> str:
    """Return the change of the straight-through rate in points, always signed."""
    if not found.looked_at:
        return "—"
    points = Decimal((found.straight_after - found.straight_before) * 100) / Decimal(found.looked_at)
    return f"{points:+.2f}" if points else "0.00"
