"""What the screens of the desk share: who may do which action, and what its form asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from core.http.problem import Fault, Problem
from ops.permissions import Right
from ops.preferences import preferences_of
from ops.shell import person
from trades.models import Comment
from trades.services.desk import Asked

RIGHTS = {"re-check": Right.REPAIR, "reject": Right.REJECT}
_OFFERED = 500  # names in a list to choose from; others can be typed


def right_for(action: str) -> Right:
    """Return the right that an action on exceptions needs."""
    return RIGHTS.get(action, Right.WORK_EXCEPTIONS)


def choices() -> dict[str, Any]:
    """Return whom items can be given to, and who reads a comment, for forms."""
    users = User.objects.filter(is_active=True).order_by("username")
    return {
        "owners": list(users.values_list("username", flat=True)[:_OFFERED]),
        "teams": list(Group.objects.order_by("name").values_list("name", flat=True)[:_OFFERED]),
        "audiences": Comment.Audience.choices,
    }


def asked_of(request: HttpRequest, action: str) -> Asked:
    """Return what a form asks; Problem 422 for a moment that is none."""
    given = request.POST
    return Asked(
        action,
        reason=given.get("reason", ""),
        text=given.get("text", ""),
        audience=given.get("audience", Comment.Audience.INTERNAL.value),
        owner=given.get("owner", "").strip(),
        team=given.get("team", ""),
        until=_moment(request),
        root_cause=given.get("root_cause", ""),
        user=person(request),
    )


def _moment(request: HttpRequest) -> datetime | None:
    """Return the moment of a form, a local time in the zone of the person's choice."""
    text = request.POST.get("until", "").replace("\0", " ")
    try:
        zone = preferences_of(request).tzinfo
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        faults = [Fault("/until", "Write the moment as 2026-11-23 14:05.", "type")]
        raise Problem(422, "invalid", "This cannot be done like this.", faults=faults) from None
