"""Sessions of people: how long they last, which there are, and how they are ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core import sql
from core.audit import Actor, record
from core.clock import utc_now
from core.http.address import client_address
from core.reasons import actor_of

_BEGAN, _SEEN = "began", "seen"
# A session is stored anew for this alone, so not at every page.
_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Session:
    """One place where a person is logged in. seen_at: to the minute."""

    id: int
    key: str
    address: str
    agent: str
    began_at: datetime
    seen_at: datetime


def begin(request: HttpRequest, *, now: datetime) -> None:
    """Let the session of somebody who just logged in end at its time, however much it is used."""
    request.session.set_expiry(now + timedelta(hours=settings.SESSION_HOURS))
    request.session[_BEGAN] = request.session[_SEEN] = int(now.timestamp())


def began_within(request: HttpRequest, seconds: int, *, now: datetime) -> bool:
    """Tell whether somebody logged in that lately."""
    began = request.session.get(_BEGAN)
    return began is not None and now.timestamp() - began < seconds


_SESSIONS = """
SELECT u.id, u.session_key, host(u.ip), u.user_agent, u.created_at, u.last_seen_at
FROM usersessions_usersession u JOIN django_session s USING (session_key)
WHERE u.user_id = %s AND s.expire_date > %s
ORDER BY u.last_seen_at DESC, u.id DESC LIMIT %s
"""
SESSIONS_MAX = 100


def sessions_of(*, user_id: int, now: datetime) -> list[Session]:
    """Return where a person is logged in, used last on top; at most SESSIONS_MAX."""
    return [Session(*each) for each in sql.rows(_SESSIONS, [user_id, now, SESSIONS_MAX])]


_END = """
WITH ended AS (
    DELETE FROM usersessions_usersession
    WHERE user_id = %(user_id)s AND session_key <> %(kept)s AND (%(id)s::bigint IS NULL OR id = %(id)s)
    RETURNING session_key)
DELETE FROM django_session USING ended WHERE django_session.session_key = ended.session_key
RETURNING 1
"""


def end_sessions(
    *,
    user_id: int,
    actor: Actor,
    now: datetime,
    id: int | None = None,
    kept: str | None = None,
    reason: str = "",
) -> int:
    """Log a person out: of one session, or of all but the one that is kept, and return of how many."""
    with transaction.atomic():
        ended = len(sql.rows(_END, {"user_id": user_id, "kept": kept or "", "id": id}))
        if ended:
            record(
                type="user.sessions_ended",
                subject="user",
                ids=[user_id],
                actor=actor,
                at=now,
                reason=reason,
                data={"sessions": ended},
            )
    return ended


_NOTED = "UPDATE usersessions_usersession SET last_seen_at = %s WHERE session_key = %s"


class SessionMiddleware:
    """End a session that nobody has used for a while, and lead to the page that asks again who somebody is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            _look_at(request, now=utc_now())
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what needs it with the page that asks for the password or a code, and then leads back."""
        if not isinstance(exception, ReauthenticationRequired):
            return None
        return confirm_first(request)


def must_confirm(request: HttpRequest) -> bool:
    """Tell whether it is some time since somebody proved who they are."""
    return bool(is_reauthentication_required(request, app="core"))


def confirm_first(request: HttpRequest, back: str = "") -> HttpResponse:
    """Lead to where somebody confirms who they are, and from there back to a page, which is this one unless told.

    What a form held is not kept: its answers may be secrets, and the page shows it again.
    """
    return HttpResponseRedirect(
        f"{reverse('account_reauthenticate')}?{urlencode({'next': back or request.path})}"
    )


def _look_at(request: HttpRequest, *, now: datetime) -> None:
    seen = request.session.get(_SEEN)
    if seen is None:  # nobody has logged in with it: Django's own time-out holds
        return
    since = now - datetime.fromtimestamp(seen, UTC)
    if since >= timedelta(minutes=settings.SESSION_IDLE_MINUTES):
        _end_idle(request, now=now)
    elif since >= _NOTED_EVERY and _is_of_a_person(request):
        request.session[_SEEN] = int(now.timestamp())
        sql.run(_NOTED, [now, request.session.session_key])


def _is_of_a_person(request: HttpRequest) -> bool:
    """Whether somebody asks, not a page by itself: what is refreshed while nobody looks keeps no session alive."""
    if request.method not in {"GET", "HEAD"}:
        return True
    return (
        "HX-Request" not in request.headers
        and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    )


def _end_idle(request: HttpRequest, *, now: datetime) -> None:
    user: Any = request.user
    with transaction.atomic():
        if user.is_authenticated:
            record(
                type="user.logged_out",
                subject="user",
                ids=[user.pk],
                actor=actor_of(request),
                at=now,
                data={"address": client_address(request), "because": "idle"},
            )
        logout(request)
