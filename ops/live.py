"""Pages that stay as they are and say what is new: what they ask again every few seconds, and are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ops.as_of import as_at
from ops.preferences import preferences_of

SINCE = "since"


def mark_of(*shown: Any) -> str:
    """Return a text that differs as soon as what is shown does."""
    return blake2b(repr(shown).encode(), digest_size=12).hexdigest()


def is_asked(request: HttpRequest) -> bool:
    """Tell whether a page asks what is new, instead of somebody for the page."""
    return SINCE in request.GET and as_at(request) is None


def answer(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, mark: str, now: datetime
) -> HttpResponse:
    """Answer 204 when nothing differs from what the page has, else the parts that do; and as of when that is."""
    if request.GET.get(SINCE) == mark:
        said = HttpResponse(status=204)
    else:
        shown = {"preferences": preferences_of(request), **context, "mark": mark, "now": now}
        said = render(request, template, shown)
    said["X-As-Of"] = now.astimezone(preferences_of(request).tzinfo).strftime("%H:%M:%S")
    said["Cache-Control"] = "no-store"
    return said
