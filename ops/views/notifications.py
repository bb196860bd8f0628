"""Notifications: the bell, what it rang for, and of what a person wants to be told."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.notifications import (
    KEPT_FOR,
    KEPT_MAX,
    choose_kinds,
    kinds_off,
    notifications_of,
    read_notifications,
)
from ops.notices import NOTICES
from ops.permissions import Right
from ops.shell import bell_of, needs, person, posted, show


@needs(Right.READ_TRADES)
def notifications(request: HttpRequest) -> HttpResponse:
    """Show what whoever looks was told, the newest first, and which kinds they chose."""
    found = [row for row in notifications_of(person(request).pk) if row["kind"] in NOTICES]
    off = kinds_off(person(request).pk)
    context = {
        "lines": [_line(row) for row in found],
        "unread": any(row["read_at"] is None for row in found),
        "last": found[0]["id"] if found else 0,
        "kinds": [(each, each.code not in off) for each in NOTICES.values()],
        "most": KEPT_MAX,
        "days": KEPT_FOR.days,
    }
    return show(request, "ops/notifications.html", context, screen="notifications", now=utc_now())


def _line(row: dict[str, Any]) -> dict[str, Any]:
    notice = NOTICES[row["kind"]]
    reference = ids.public_id(ids.NOTIFICATION, row["id"])
    return {**row, "reference": reference, "icon": notice.icon, "text": notice.says(row)}


@needs(Right.READ_TRADES)
def bell(request: HttpRequest) -> HttpResponse:
    """Answer the bell as it is now; 204 while it is as it was `seen`."""
    now_ = bell_of(request)
    if request.GET.get("seen", "") == now_.seen:
        return HttpResponse(status=204)
    return render(request, "ops/parts/bell.html", {"bell": now_})


@needs(Right.READ_TRADES)
def follow(request: HttpRequest, ref: str) -> HttpResponse:
    """Lead to what a notification is about; it is read then."""
    number = ids.database_id(ids.NOTIFICATION, ref)
    found = next((row for row in notifications_of(person(request).pk) if row["id"] == number), None)
    if found is None or found["kind"] not in NOTICES:
        raise Http404
    if request.method != "HEAD":
        read_notifications(person_id=person(request).pk, ids=[found["id"]], now=utc_now())
    return HttpResponseRedirect(NOTICES[found["kind"]].leads(found))


@posted("notifications")
@needs(Right.READ_TRADES)
def read_all(request: HttpRequest) -> HttpResponse:
    """Note that whoever looks has read all that the page showed; what came since stays unread."""
    text = request.POST.get("upto", "")
    last = int(text[:18]) if text.isascii() and text.isdecimal() else 0
    shown = [row["id"] for row in notifications_of(person(request).pk) if row["id"] <= last]
    read_notifications(person_id=person(request).pk, ids=shown, now=utc_now())
    return HttpResponseRedirect(reverse("notifications"), status=303)


@posted("notifications")
@needs(Right.READ_TRADES)
def choose(request: HttpRequest) -> HttpResponse:
    """Keep of which kinds whoever looks wants to be told."""
    wanted = set(request.POST.getlist("kinds"))
    choose_kinds(person_id=person(request).pk, off=set(NOTICES) - wanted)
    messages.success(request, "Your choice is kept; what you were told already stays.")
    return HttpResponseRedirect(reverse("notifications"), status=303)
