"""The page on which a counterparty without a system answers about one trade, by a link that holds once."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from core.clock import utc_now
from core.http.access import EVERYBODY, open_to
from core.http.problem import Problem
from ops.preferences import preferences_of
from ops.shell import Shown
from trades.services.confirmation_links import NAME_MAX, answer_link, linked_terms

# Whoever tries links is counted as whoever tries passwords is, by the address that it comes from.
_TRIED = {"username": "confirmation link"}


# The token is the authority, and no cookie is: another site that has it needs no help of this browser. A form of a page
# without a referrer names no origin either, which Django's check would take for another site's.
@csrf_exempt
@open_to(EVERYBODY)
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Show the terms that a link asks about, and take the answer. A link that does not hold looks like any other."""
    now = utc_now()
    if not AxesProxyHandler.is_allowed(request, _TRIED):
        return _gone(request)
    terms = linked_terms(token=token, now=now)
    if terms is None:
        user_login_failed.send(sender=__name__, credentials=_TRIED, request=request)
        return _gone(request)
    if request.method != "POST":
        return _page(request, {"terms": terms})
    try:
        told = answer_link(
            token=token,
            says=request.POST.get("says", ""),
            name=request.POST.get("name", ""),
            reason=request.POST.get("reason", ""),
            now=now,
        )
    except Problem as problem:
        return _page(
            request, {"terms": terms, "problem": Shown.of(problem), "typed": request.POST}, status=422
        )
    if told is None:
        return _gone(request)
    return _page(request, {"terms": terms, "answered": request.POST["says"]})


def _gone(request: HttpRequest) -> HttpResponse:
    # The middleware would answer whoever has tried too often otherwise.
    request.axes_locked_out = False  # type: ignore[attr-defined]
    return _page(request, {}, status=404)


def _page(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    known = {"preferences": preferences_of(request), "name_max": NAME_MAX, **context}
    response = render(request, "ops/confirmation_answer.html", known, status=status)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
