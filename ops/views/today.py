"""Today: what is stuck, what is urgent, what the next cut-offs wait for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.as_of import AsOf
from core.clock import business_date
from core.sight import is_narrowed
from ops import selectors
from ops.as_of import clock, where
from ops.permissions import Right, may
from ops.shell import needs, person, show
from trades.selectors import exceptions
from trades.selectors.blotter import WINDOW_OF_DESKS

_URGENT_SHOWN = 8


@needs(Right.READ_TRADES)
def today(request: HttpRequest) -> HttpResponse:
    """Show the day at a glance. No figure here counts more than ten thousand rows."""
    now, as_of = clock(request), where(request)
    day = selectors.day_then(as_of, now=now, today=business_date(now)) if as_of else None
    counts = day.counts if day else selectors.state_counts()
    context: dict[str, Any] = {
        "counts": list(counts.items()),
        "first_run": not any(counts.values()),
        "window": day.window if day else None,
        "latest": WINDOW_OF_DESKS if is_narrowed() and not day else None,
    }
    if may(request.user, Right.READ_EXCEPTIONS):
        context |= _exceptions(person(request).id, now, as_of)
    if may(request.user, Right.READ_BATCHES):
        context["stuck"] = day.stuck if day else selectors.stuck(now=now, today=business_date(now))
        days = day.open if day else selectors.cut_offs_ahead(now=now)
        context["days"] = sorted(days, key=lambda each: not each.will_miss)  # stays in time within either
    return show(request, "ops/today.html", context, screen="today", now=now)


def _exceptions(user_id: int, now: datetime, as_of: AsOf | None) -> dict[str, Any]:
    urgent, _ = exceptions.queue(view="open", user_id=user_id, now=now, size=_URGENT_SHOWN, as_of=as_of)
    return {"summary": exceptions.summary(user_id=user_id, now=now, as_of=as_of), "urgent": urgent}
