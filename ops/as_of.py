"""The console as of a moment: every address may stand behind `/as-of/<moment>`, and then shows what was known then.

The moment is a prefix of the address, as the name of a script would be, so that every link of a page keeps it
without knowing of it. Behind it nothing can be done but reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import get_script_prefix, resolve, set_script_prefix

from core.as_of import AsOf, known_at
from core.clock import utc_now
from core.http.moments import read_moment

_PREFIXED = re.compile(r"/as-of/([^/]{1,64})(/.*)")
# What is no screen, but belongs to every page.
_AROUND = {"account_login", "account_logout", "prefer", "as_of"}
# Screens whose records are kept with their history; the others show the present only.
SCREENS = {
    "today",
    "blotter",
    "trade",
    "exceptions",
    "exception",
    "approvals",
    "batches",
    "batch",
    "holds",
    "positions",
    "position",
    "margins",
    "journal",
    "journal_entries",
    "search",
    "palette",
    "palette_records",
    "trade_peek",
    "exception_peek",
}


def as_at(request: HttpRequest) -> datetime | None:
    """Return the moment that a request looks at, None for the present."""
    found: datetime | None = getattr(request, "as_at", None)
    return found


def where(request: HttpRequest) -> AsOf | None:
    """Return the place on the axes of time that a request looks at, None for the present."""
    moment = as_at(request)
    return None if moment is None else known_at(moment)


def clock(request: HttpRequest) -> datetime:
    """Return the moment at which a screen stands: the one it looks at, or the present."""
    return as_at(request) or utc_now()


def without_prefix(address: str) -> str:
    """Return an address as it is in the present."""
    match = _PREFIXED.fullmatch(address)
    return match[2] if match else address


def with_prefix(moment: datetime, address: str) -> str:
    """Return an address as of a moment."""
    text = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"/as-of/{text}{without_prefix(address)}"


class AsOfMiddleware:
    """Take the moment off the address, and put it before every address that the page links to."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match = _PREFIXED.fullmatch(request.path_info)
        if match is None:
            return self.get_response(request)
        found = resolve(match[2])
        if not hasattr(found.func, "right") and found.url_name not in _AROUND:
            raise Http404
        try:
            moment = read_moment(match[1])
        except ValueError:
            raise Http404 from None
        if moment > utc_now():
            messages.error(request, "That moment is still to come; this is the present.")
            return HttpResponseRedirect(without_prefix(request.get_full_path()))
        request.as_at = moment  # type: ignore[attr-defined]
        request.path_info = match[2]
        before = get_script_prefix()
        set_script_prefix(f"/as-of/{match[1]}/")
        try:
            return self.get_response(request)
        finally:
            set_script_prefix(before)
