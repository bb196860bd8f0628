"""Exports in the background: asked for from a list, seen with their progress, cancelled, taken away."""

from __future__ import annotations

from datetime import UTC
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Problem
from ops import exports
from ops.arrangement import Arrangement, address, arrange
from ops.export_orders import (
    BYTES_MAX,
    GOING_ON,
    KEPT_FOR,
    ROWS_MAX,
    Order,
    ask_export,
    cancel_export,
    expires,
    exports_of,
    reference,
    take_export,
)
from ops.lists import LISTS
from ops.models import Export
from ops.permissions import Right, may
from ops.shell import Shown, actor, chooses, denied, needs, person, posted, show


@needs(Right.READ_TRADES)
def exports_made(request: HttpRequest) -> HttpResponse:
    """Show the exports of whoever looks, the newest first, as far as each has come."""
    found = [_line(each) for each in exports_of(person(request))]
    context = {
        "exports": found,
        "going_on": any(each["going_on"] for each in found),
        "days": KEPT_FOR.days,
        "rows_max": ROWS_MAX,
        "megabytes_max": BYTES_MAX // 1_000_000,
    }
    return show(request, "ops/exports.html", context, screen="exports", now=utc_now())


@posted("exports")
@needs(Right.READ_TRADES)
def order(request: HttpRequest, listed: str) -> HttpResponse:
    """Have a file made of what an address of a list shows."""
    if listed not in LISTS:
        raise Http404
    of = LISTS[listed]
    if not may(request.user, of.right):
        return denied(request, of.right)
    arranged = arrange(request, of)
    wanted = Order(of, arranged.content, arranged.shown, request.POST.get("format", "csv"))
    try:
        ask_export(order=wanted, user=person(request), actor=actor(request), now=utc_now())
    except Problem as problem:
        return offer(request, arranged, problem)
    messages.success(request, "The file is being made. You need not wait here.")
    return HttpResponseRedirect(reverse("exports"), status=303)


chooses("listed", {code: (each.right,) for code, each in LISTS.items()}, order)


def offer(request: HttpRequest, arranged: Arrangement, problem: Problem) -> HttpResponse:
    """Say why a list does not leave at once, and offer to have the file made in the background."""
    context = {
        "arranged": arranged,
        "listed": arranged.listed,
        "back": address(arranged.listed, arranged.parameters),
        "problem": Shown.of(problem),
        "form": request.GET.get("format") or request.POST.get("format") or "csv",
        "at_once": exports.ROWS_MAX,
        "rows_max": ROWS_MAX,
        "days": KEPT_FOR.days,
    }
    return show(
        request,
        "ops/export_large.html",
        context,
        screen="export_large",
        now=utc_now(),
        status=problem.status,
    )


@posted("exports")
@needs(Right.READ_TRADES)
def cancel(request: HttpRequest, ref: str) -> HttpResponse:
    """Stop an export that is not ready yet."""
    try:
        cancel_export(export_id=_id_of(ref), user=person(request), actor=actor(request), now=utc_now())
        messages.success(request, "The export is cancelled.")
    except Problem as problem:
        if problem.status == 404:
            raise
        messages.error(request, f"{problem.title} {problem.detail}")
    return HttpResponseRedirect(reverse("exports"), status=303)


@needs(Right.READ_TRADES)
def file(request: HttpRequest, ref: str) -> HttpResponse:
    """Send the file of an export to whoever asked for it."""
    found, data = take_export(
        export_id=_id_of(ref), user=person(request), actor=actor(request), now=utc_now()
    )
    at = (found.at or found.asked_at).astimezone(UTC)
    sent: Any = StreamingHttpResponse(
        data,
        content_type=exports.FORMATS[found.form].media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{found.listed}-{at:%Y%m%d-%H%M%S}.{found.form}"',
            "Content-Length": str(found.bytes),  # so that a file that broke off is seen to be none
            "Cache-Control": "no-store",
        },
    )
    return cast(HttpResponse, sent)


def _id_of(ref: str) -> int:
    found = ids.database_id(ids.EXPORT, ref)
    if found is None:
        raise Http404
    return found


def _line(found: Export) -> dict[str, Any]:
    listed = LISTS.get(found.listed)
    return {
        "found": found,
        "reference": reference(found),
        "title": listed.title if listed else found.listed,
        "filter": found.parameters,
        "list": address(listed, {**found.parameters, "sort": found.sort}) if listed else "",
        "going_on": found.state in GOING_ON,
        "kilobytes": -(-found.bytes // 1_000),
        "expires": expires(found),
    }
