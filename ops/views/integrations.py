"""Integrations: who speaks to the API, whom webhooks tell, and what became of each message."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from feed.models import Delivery
from feed.services.log import read_log
from feed.services.webhooks import find_webhook, replay
from ops import api_log, selectors
from ops.permissions import Right
from ops.shell import Shown, actor, needs, posted, show

TABS = (("all", "All"), ("PENDING", "Waiting"), ("DEAD", "Dead"), ("DELIVERED", "Delivered"))
_SHOWN = 50


@needs(Right.READ_INTEGRATIONS)
def integrations(request: HttpRequest) -> HttpResponse:
    """Show the API clients with their last use, and the webhooks with what waits for them."""
    now = utc_now()
    context = {
        "clients": selectors.api_clients(now=now),
        "webhooks": selectors.webhooks(),
        "shown": selectors.INTEGRATIONS_SHOWN,
        "calls": api_log.calls(),
        "failures": api_log.failures(now=now),
        "calls_shown": api_log.SHOWN,
    }
    return show(request, "ops/integrations.html", context, screen="integrations", now=now)


@needs(Right.READ_INTEGRATIONS)
def webhook(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one webhook and its deliveries, the newest first."""
    return _show(request, ref)


@posted("webhook")
@needs(Right.REPLAY)
def tell_again(request: HttpRequest, ref: str) -> HttpResponse:
    """Tell a webhook again of one delivery, or of a range of events."""
    try:
        asked = _asked(request)
        count = replay(
            client_id=None,
            webhook_id=_number(ref),
            delivery_id=asked.delivery_id,
            after=asked.after,
            until=asked.until,
            reason=asked.reason,
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, ref, problem=problem)
    messages.success(request, f"{count} {'delivery' if count == 1 else 'deliveries'} will be sent again.")
    return HttpResponseRedirect(reverse("webhook", args=[ref]), status=303)


def _show(request: HttpRequest, ref: str, *, problem: Problem | None = None) -> HttpResponse:
    found = find_webhook(client_id=None, webhook_id=_number(ref))
    view = request.GET.get("view", "all")
    before = request.GET.get("before", "")
    deliveries = read_log(
        webhook_id=found.id,
        state=view if view in Delivery.State.values else None,
        before=int(before[:18]) if before.isascii() and before.isdecimal() else None,
        limit=_SHOWN + 1,
    )
    context = {
        "webhook": found,
        "reference": ref,
        "figures": selectors.webhook_figures([found.id])[found.id],
        "deliveries": deliveries[:_SHOWN],
        "more": deliveries[_SHOWN - 1][0].id if len(deliveries) > _SHOWN else None,
        "is_first_page": not before,
        "tabs": TABS,
        "view": view if view in Delivery.State.values else "all",
        "problem": Shown.of(problem) if problem else None,
        "typed": request.POST if problem else {},
    }
    status = problem.status if problem else 200
    return show(request, "ops/webhook.html", context, screen="webhook", now=utc_now(), status=status)


def _number(ref: str) -> int:
    number = ids.database_id(ids.WEBHOOK, ref)
    if number is None:
        raise Http404
    return number


@dataclass(frozen=True)
class _Asked:
    """What a form asks to be told again: one delivery, or the events after one and up to another."""

    reason: str
    delivery_id: int | None
    after: int
    until: int


def _asked(request: HttpRequest) -> _Asked:
    """Return what a form asks for; Problem 422 with every fault of it."""
    reason = request.POST.get("reason", "").replace("\0", "").strip()[:500]
    faults = [] if reason else [Fault("/reason", "Say why.", "missing")]
    delivery_id, first, last = None, 1, 0
    if "delivery" in request.POST:
        delivery_id = ids.database_id(ids.DELIVERY, request.POST["delivery"])
        if delivery_id is None:
            raise Http404
    else:
        first, last = _event(request, "first", faults), _event(request, "last", faults)
    if faults:
        raise Problem(422, "bent-form", "This cannot be told again.", faults=faults)
    return _Asked(reason, delivery_id, first - 1, last)


def _event(request: HttpRequest, name: str, faults: list[Fault]) -> int:
    typed = request.POST.get(name, "")
    if typed.isascii() and typed.isdecimal() and len(typed) <= 18 and int(typed) > 0:
        return int(typed)
    faults.append(Fault(f"/{name}", "The number of an event.", "type"))
    return 0
