"""Today: what is stuck, what is urgent, what the next cut-offs wait for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from core.clock import business_date, utc_now
from ops import selectors
from ops.permissions import Right
from ops.shell import needs, person, show
from trades.selectors import exceptions

_URGENT_SHOWN = 8


@needs(Right.READ_TRADES)
def today(request: HttpRequest) -> HttpResponse:
    """Show the day at a glance. No figure here counts more than ten thousand rows."""
    now = utc_now()
    user_id = person(request).id
    urgent, _ = exceptions.queue(view="open", code="", user_id=user_id, now=now, size=_URGENT_SHOWN)
    counts = selectors.state_counts()
    context = {
        "counts": [(state, count) for state, count in counts.items()],
        "first_run": not any(counts.values()),
        "summary": exceptions.summary(user_id=user_id, now=now),
        "urgent": urgent,
        "stuck": selectors.stuck(now=now, today=business_date(now)),
        "days": selectors.open_before(selectors.cut_offs(now=now)),
    }
    return show(request, "ops/today.html", context, screen="today", now=now)
