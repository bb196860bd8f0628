"""Batches: what was sealed for the back office, and what it made of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from ops import selectors
from ops.arrangement import arrange, seen_first
from ops.as_of import clock, where
from ops.lists.batches import BATCHES
from ops.permissions import Right, may
from ops.shell import Shown, actor, needs, posted, show
from ops.tie_out import counted_up_to
from settlement.channel_codes import channel_codes
from settlement.holds import holds_in_force
from settlement.models import CHANNELS
from settlement.selectors import open_breaks
from settlement.services.attest import close_break
from settlement.services.seal import seal_batches

TABS = (
    ("all", "All"),
    ("unclaimed", "Not claimed"),
    ("claimed", "Claimed now"),
    ("rejected", "With rejections"),
)
_MAX_PAGE = 200


@needs(Right.READ_BATCHES)
def batches(request: HttpRequest) -> HttpResponse:
    """Show the batches, the last sealed first, under the next cut-offs."""
    return _show(request)


@posted("batches")
@needs(Right.SEAL)
def seal(request: HttpRequest) -> HttpResponse:
    """Seal what is ready for a value date now, without waiting for the cut-off."""
    try:
        value_date, channels = _wanted(request)
        sealed = seal_batches(
            value_date=value_date,
            channels=channels,
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, problem=problem)
    if not sealed:
        messages.warning(request, "Nothing was ready to be sealed.")
    elif len(sealed) == 1:
        reference = ids.public_id(ids.BATCH, sealed[0])
        messages.success(request, f"Sealed {reference}.")
        return HttpResponseRedirect(reverse("batch", args=[reference]), status=303)
    else:
        messages.success(request, f"Sealed {len(sealed)} batches.")
    return HttpResponseRedirect(reverse("batches"), status=303)


@posted("batches")
@needs(Right.WORK_EXCEPTIONS)
def explain(request: HttpRequest, break_id: int) -> HttpResponse:
    """Close a break between a day's counts and the back office's, with what a person has found."""
    try:
        close_break(
            break_id=break_id, reason=request.POST.get("reason", ""), actor=actor(request), now=utc_now()
        )
    except Problem as problem:
        return _show(request, problem=problem, failed=break_id)
    messages.success(request, "Closed.")
    return HttpResponseRedirect(reverse("batches"), status=303)


def _wanted(request: HttpRequest) -> tuple[date, list[str]]:
    """Return the value date and channels of the form; Problem 422 with all that is wrong with them."""
    on, channels = _date(request.POST.get("value_date", "")), request.POST.getlist("channels")
    faults = []
    if on is None:
        faults.append(Fault("/value_date", "Write a date as 2026-11-23."))
    if not channels or not set(channels) <= set(CHANNELS):
        faults.append(Fault("/channels", f"Choose among {', '.join(CHANNELS)}."))
    if faults or on is None:
        raise Problem(422, "invalid", "Nothing was sealed.", faults=faults)
    return on, channels


def _show(request: HttpRequest, *, problem: Problem | None = None, failed: int | None = None) -> HttpResponse:
    now, as_of = clock(request), where(request)
    arranged = arrange(request, BATCHES, sort="-sealed")
    if request.method != "POST" and (first := seen_first(request, arranged)) is not None:
        return first
    view = request.GET.get("view", "all")
    view = view if view in selectors.BATCH_VIEWS else "all"
    number = request.GET.get("page", "1")
    page = min(_MAX_PAGE, max(1, int(number[:6]))) if number.isdecimal() else 1
    channels = sorted(channel_codes())
    channel = request.GET.get("channel", "")
    channel = channel if channel in channels else ""
    rows, more = selectors.batches(
        view=view,
        channel=channel,
        value_date=_date(request.GET.get("value_date", "")),
        now=now,
        number=page,
        as_of=as_of,
    )
    given = {name: request.GET.get(name, "") for name in ("view", "channel", "value_date")}
    context: dict[str, Any] = {
        "arranged": arranged,
        "rows": rows,
        "more": more,
        "view": view,
        "number": page,
        "previous": page - 1,
        "following": page + 1,
        "channel": channel,
        "channels": channels,
        "sealable": CHANNELS,
        "filtered": any(given.values()),
        "parameters": {name: value for name, value in given.items() if value} | arranged.kept,
        "tabs": TABS,
        "days": selectors.cut_offs_ahead(now=now) if as_of is None else [],
        "breaks": open_breaks() if as_of is None else [],
        "counted": counted_up_to() if as_of is None else [],
        "held": holds_in_force(as_of=as_of)[0],
        "may_explain": may(request.user, Right.WORK_EXCEPTIONS),
        "failed": failed,
        "problem": Shown.of(problem) if problem else None,
        "typed": request.POST if problem else {},
        "chosen": request.POST.getlist("channels") if problem and failed is None else CHANNELS,
    }
    status = problem.status if problem else 200
    return show(request, "ops/batches.html", context, screen="batches", now=now, status=status)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
