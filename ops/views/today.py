"""Today: what is stuck, what is urgent, what the next cut-offs wait for, what flows and what is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.as_of import AsOf
from core.clock import business_date, utc_now
from core.sight import is_narrowed
from ops import flow, selectors, utilisations
from ops.as_of import clock, where
from ops.demo import is_offered
from ops.live import answer, mark_of
from ops.looked import came_back, keep_looked, looked_last
from ops.permissions import Right, may
from ops.shell import needs, person, posted, rights_shown, show
from settlement.cut_offs import cut_offs_around
from trades.selectors import exceptions
from trades.selectors.blotter import WINDOW_OF_DESKS

_URGENT_SHOWN = 8
_BREACHES_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """Where what is new of a type is seen, and who may see it there."""

    screen: str
    right: Right
    query: str = ""

    @property
    def address(self) -> str:
        """Return where to go."""
        return reverse(self.screen) + (f"?{self.query}" if self.query else "")


_PLACES = {
    **{
        f"trade.{event}": Place("blotter", Right.READ_TRADES, f"status={state}")
        for event, state in {
            "captured": "",
            "held": "exception",
            "validated": "validated",
            "instructed": "instructed",
            "handed_off": "handed_off",
            "acknowledged": "acknowledged",
            "settled": "settled",
            "cancelled": "cancelled",
        }.items()
    },
    "trade.rejected": Place("exceptions", Right.READ_EXCEPTIONS, "view=returned"),
    "exception.opened": Place("exceptions", Right.READ_EXCEPTIONS),
    "exception.escalated": Place("exceptions", Right.READ_EXCEPTIONS, "view=overdue"),
    "exception.closed": Place("exceptions", Right.READ_EXCEPTIONS, "view=closed"),
    "batch.sealed": Place("batches", Right.READ_BATCHES),
    "batch.claimed": Place("batches", Right.READ_BATCHES, "view=claimed"),
    "batch.acknowledged": Place("batches", Right.READ_BATCHES),
    "proposal.made": Place("approvals", Right.READ_APPROVALS),
    "proposal.approved": Place("approvals", Right.READ_APPROVALS),
}


@needs(Right.READ_TRADES)
def today(request: HttpRequest) -> HttpResponse:
    """Show the day at a glance. No figure here counts more than ten thousand rows."""
    now, as_of = clock(request), where(request)
    day = selectors.day_then(as_of, now=now, today=business_date(now)) if as_of else None
    counts = day.counts if day else selectors.state_counts()
    context: dict[str, Any] = {
        "counts": list(counts.items()),
        "first_run": (first_run := not any(counts.values())),
        "demo_is_offered": first_run and is_offered(),
        "window": day.window if day else None,
        "root": request.build_absolute_uri("/").rstrip("/"),
        "latest": WINDOW_OF_DESKS if is_narrowed() and not day else None,
    }
    since, known = came_back(request, now=now), cut_offs_around(now.date())
    context |= _live(request, now, since=since, as_of=as_of)
    if may(request.user, Right.READ_EXCEPTIONS):
        urgent, _ = exceptions.queue(
            view="open", user_id=person(request).id, now=now, size=_URGENT_SHOWN, as_of=as_of
        )
        context["urgent"] = urgent
    if may(request.user, Right.READ_BATCHES):
        context["stuck"] = day.stuck if day else selectors.stuck(now=now, today=business_date(now))
        days = day.open if day else selectors.cut_offs_ahead(now=now, known=known)
        context["days"] = sorted(days, key=lambda each: not each.will_miss)  # stays in time within either
    if as_of is None and may(request.user, Right.READ_LIMITS):
        context["breaches"] = utilisations.breaches(now=now, most=_BREACHES_SHOWN)
    response = show(request, "ops/today.html", context, screen="today", now=now, known=known)
    if as_of is None:
        keep_looked(response, since=since, now=now)
    return response


@needs(Right.READ_TRADES)
def today_now(request: HttpRequest) -> HttpResponse:
    """Answer what of the day moves, for the page to put in place; 204 when it is what the page shows already."""
    now = utc_now()
    context = _live(request, now, since=looked_last(request, now=now), as_of=None)
    shown = {**context, **rights_shown(request, now=now)}
    return answer(request, "ops/parts/today_now.html", shown, mark=context["mark"], now=now)


@posted("today")
@needs(Right.READ_TRADES)
def today_seen(request: HttpRequest) -> HttpResponse:
    """Take everything up to now as seen."""
    now = utc_now()
    response = HttpResponseRedirect(reverse("today"), status=303)
    keep_looked(response, since=now, now=now)
    return response


def _live(request: HttpRequest, now: datetime, *, since: datetime, as_of: AsOf | None) -> dict[str, Any]:
    """Return what of the page moves. Of a past moment the queue alone is known, and nothing moves."""
    context: dict[str, Any] = {}
    if may(request.user, Right.READ_EXCEPTIONS):
        context["summary"] = exceptions.summary(user_id=person(request).id, now=now, as_of=as_of)
    if as_of is None:
        flowed = flow.flow(now=now, since=since)
        whole = not is_narrowed()  # what flows is counted of the firm
        context |= {
            "lanes": flowed.lanes if whole else [],
            "since": since,
            "news": _news(request, flowed.since) if whole else [],
            "answers": selectors.decided_of(maker_id=person(request).id, since=since),
        }
    context["mark"] = mark_of(context)
    return context


def _news(request: HttpRequest, since: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """Return what is new to a person, of what that person may see: how it is called, how many, and where."""
    return [
        (flow.TYPES[type], count, _PLACES[type].address)
        for type, count in since.items()
        if may(request.user, _PLACES[type].right)
    ]
