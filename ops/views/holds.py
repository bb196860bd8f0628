"""Holds: what operations keep from being sealed, why and until when, and its release."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from ops import selectors
from ops.as_of import clock, where
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show
from settlement.holds import list_holds
from settlement.models import CHANNELS, Hold
from settlement.services.hold import Wanted, make_hold, release_hold

_SHOWN = 200
FIELDS = ("kind", "subject", "channel", "asset", "until", "reason")


@needs(Right.READ_BATCHES)
def holds(request: HttpRequest) -> HttpResponse:
    """Show what is held, and the form to hold something, filled in from the address."""
    return _show(request, {name: _text(request.GET, name) for name in FIELDS})


@posted("holds")
@needs(Right.HOLD)
def hold(request: HttpRequest) -> HttpResponse:
    """Hold a trade, an instruction, or what goes to a counterparty, at once."""
    typed = {name: _text(request.POST, name) for name in FIELDS}
    try:
        made = make_hold(wanted=_wanted(typed), reason=typed["reason"], actor=actor(request), now=utc_now())
    except Problem as problem:
        return _show(request, typed, problem=problem)
    told = f"Held as {ids.public_id(ids.HOLD, made.id)}."
    if made.recalled:
        told += f" {len(made.recalled)} sealed and not claimed: recalled."
    messages.success(request, told)
    if made.claimed:
        messages.warning(
            request, f"{len(made.claimed)} with back-office systems: ask for them back on their batches."
        )
    return HttpResponseRedirect(reverse("holds"), status=303)


@posted("holds")
@needs(Right.HOLD)
def release(request: HttpRequest, ref: str) -> HttpResponse:
    """Release a hold, or ask a second person to."""
    hold_id = ids.database_id(ids.HOLD, ref)
    if hold_id is None:
        raise Http404
    try:
        proposal = release_hold(
            hold_id=hold_id,
            reason=_text(request.POST, "reason"),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        if problem.status == 404:
            raise Http404 from None
        return _show(request, {}, problem=problem, failed=hold_id, reason=_text(request.POST, "reason"))
    if proposal is None:
        messages.success(request, "Released; it is sealed with the next batch.")
    else:
        messages.success(request, "The release is proposed; somebody else decides on it under Approvals.")
    return HttpResponseRedirect(reverse("holds"), status=303)


def _wanted(typed: Mapping[str, str]) -> Wanted:
    """Return what a form wants held; Problem 422 where its date is none."""
    until = None
    if typed["until"]:
        try:
            until = date.fromisoformat(typed["until"])
        except ValueError:
            fault = Fault("/until", "Write a date as 2026-11-23.", "invalid")
            raise Problem(422, "invalid", "This cannot be held.", faults=[fault]) from None
    places = {name: typed[name] for name in ("kind", "subject", "channel", "asset")}
    if typed["kind"] != Hold.Kind.COUNTERPARTY:  # the form always sends a channel
        places |= {"channel": ""}
    return Wanted(**places, until=until)


def _show(
    request: HttpRequest,
    typed: Mapping[str, str],
    *,
    problem: Problem | None = None,
    failed: int | None = None,
    reason: str = "",
) -> HttpResponse:
    now, as_of = clock(request), where(request)
    every = request.GET.get("view") == "all"
    rows = list_holds(in_force=not every, limit=_SHOWN + 1, as_of=as_of)
    context: dict[str, Any] = {
        "rows": rows[:_SHOWN],
        "shown": _SHOWN,
        "more": len(rows) > _SHOWN,
        "every": every,
        "waiting": selectors.pending_hold_releases() if as_of is None else set(),
        "kinds": Hold.Kind.choices,
        "channels": CHANNELS,
        "typed": typed,
        "open": failed is None and (problem is not None or bool(typed.get("subject"))),
        "failed": failed,
        "failed_reason": reason,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/holds.html", context, screen="holds", now=now, status=status)


def _text(given: Mapping[str, Any], name: str) -> str:
    return str(given.get(name, "")).replace("\0", "").strip()
