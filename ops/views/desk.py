"""The desk beyond single exceptions: what they wait for, by cause, and how many trades go straight through."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse

from core.clock import business_date, utc_now
from ops.permissions import Right
from ops.shell import needs, show
from trades.selectors import desk, exceptions
from trades.selectors.straight_through import MAX_DAYS, straight_through


@needs(Right.READ_EXCEPTIONS)
def causes(request: HttpRequest) -> HttpResponse:
    """Show what open exceptions wait for, the commonest cause first."""
    now = utc_now()
    groups = desk.groups(now=now)
    closed_at, closed_by = exceptions.last_closed() if not groups else (None, "")
    context = {"groups": groups, "closed_at": closed_at, "closed_by": closed_by}
    return show(request, "ops/causes.html", context, screen="causes", now=now)


@needs(Right.READ_EXCEPTIONS)
def through(request: HttpRequest) -> HttpResponse:
    """Show the straight-through rate of some trade dates, today's unless told, and where trades were lost."""
    now = utc_now()
    first, last, wrong = _days(request, business_date(now))
    found = straight_through(first=first, last=last)
    context = {"found": found, "first": first, "last": last, "wrong": wrong, "losses": _LOSSES}
    return show(request, "ops/straight_through.html", context, screen="straight-through", now=now)


_LOSSES = (("check", "By check"), ("source", "By source"), ("party", "By counterparty"))


def _days(request: HttpRequest, today: date) -> tuple[date, date, str]:
    """Return the first and the last day asked for, and what is wrong with them: then they are today."""
    try:
        first, last = (date.fromisoformat(request.GET.get(name) or str(today)) for name in ("from", "to"))
    except ValueError:
        return today, today, "Write the days as 2026-11-23."
    if not 0 <= (last - first).days < MAX_DAYS:
        return today, today, f"The last day comes after the first, and there are at most {MAX_DAYS}."
    return first, last, ""
