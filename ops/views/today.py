"""Today: what is stuck, what is urgent, what the next cut-offs wait for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.clock import business_date, utc_now
from ops import selectors
from ops.permissions import Right, may
from ops.shell import needs, person, show
from trades.selectors import exceptions

_URGENT_SHOWN = 8


@needs(Right.READ_TRADES)
def today(request: HttpRequest) -> HttpResponse:
    """Show the day at a glance. No figure here counts more than ten thousand rows."""
    now = utc_now()
    counts = selectors.state_counts()
    context: dict[str, Any] = {
        "counts": list(counts.items()),
        "first_run": not any(counts.values()),
    }
    if may(request.user, Right.READ_EXCEPTIONS):
        context |= _exceptions(person(request).id, now)
    if may(request.user, Right.READ_BATCHES):
        context["stuck"] = selectors.stuck(now=now, today=business_date(now))
        context["days"] = selectors.open_before(selectors.cut_offs(now=now))
    return show(request, "ops/today.html", context, screen="today", now=now)


def _exceptions(user_id: int, now: datetime) -> dict[str, Any]:
    urgent, _ = exceptions.queue(view="open", user_id=user_id, now=now, size=_URGENT_SHOWN)
    return {"summary": exceptions.summary(user_id=user_id, now=now), "urgent": urgent}
