"""Limits: how much of each is used, the fullest first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from core.clock import business_date, utc_now
from ops import selectors
from ops.permissions import Right
from ops.shell import needs, show

_MEMBERS_SHOWN = 50


@needs(Right.READ_LIMITS)
def limits(request: HttpRequest) -> HttpResponse:
    """Show the limits in force with their most used members."""
    now = utc_now()
    found = selectors.utilisations(today=business_date(now), top=_MEMBERS_SHOWN)
    context = {"limits": found, "shown": _MEMBERS_SHOWN}
    return show(request, "ops/limits.html", context, screen="limits", now=now)
