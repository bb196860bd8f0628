"""Since when something is new to a person: kept in the browser, and moved on when somebody comes back to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.clock import business_date, day_begins
from ops.flow import KEPT

SITTING = timedelta(minutes=15)  # whoever comes back within it has not been away
_COOKIE = "looked"


def looked_last(request: HttpRequest, *, now: datetime) -> datetime:
    """Return since when something is new: the last look before this sitting, at first the beginning of the day."""
    return _read(request, now)[0]


def came_back(request: HttpRequest, *, now: datetime) -> datetime:
    """Return since when something is new to somebody who opens the page: after a while away, since that began."""
    since, seen = _read(request, now)
    return seen if now - seen > SITTING else since


def keep_looked(response: HttpResponse, *, since: datetime, now: datetime) -> None:
    """Keep since when something is new, and that somebody looks now."""
    response.set_cookie(
        _COOKIE,
        f"{since.timestamp():.0f}.{now.timestamp():.0f}",
        max_age=int(KEPT.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _read(request: HttpRequest, now: datetime) -> tuple[datetime, datetime]:
    """Return the last look before this sitting, and the last in it; what is no pair of moments is none."""
    texts = request.COOKIES.get(_COOKIE, "").split(".")
    if len(texts) != 2 or not all(each.isascii() and each.isdecimal() and len(each) < 12 for each in texts):
        return day_begins(business_date(now)).astimezone(UTC), now
    since, seen = (datetime.fromtimestamp(int(each), UTC) for each in texts)
    return min(max(since, now - KEPT), now), min(max(seen, now - KEPT), now)
