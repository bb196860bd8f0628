"""Layouts of Explore: saved under a name, changed, deleted."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_update
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core import ids
from core.clock import utc_now
from core.http.problem import Problem
from ops.data_sets import DATA_SETS
from ops.layouts import content_of, layouts_for
from ops.permissions import Right, may
from ops.saved_views import Wish, delete_view, save_view
from ops.shell import chooses, denied, needs, posted
from ops.views.explore import GRID, chosen_data_set, show_data
from ops.views.saved_views import by_of, reference_of, version_of


@csp_update(GRID)  # type: ignore[arg-type]  # it is declared for views of addresses without parts
@posted("explore_data")
@needs(Right.READ_TRADES)
def save(request: HttpRequest, data: str) -> HttpResponse:
    """Save what the grid shows: as a new layout, or in the place of one."""
    chosen = chosen_data_set(data)
    if not may(request.user, chosen.right):
        return denied(request, chosen.right)
    given = request.POST
    changing = given.get("what") == "change"
    try:
        wish = Wish(
            name=" ".join(given.get("name", "").replace("\0", " ").split()),
            content=content_of(given.get("layout", "")),
            is_shared=given.get("who") == "shared",
        )
        saved = save_view(
            listed=layouts_for(chosen),
            wish=wish,
            by=by_of(request),
            now=utc_now(),
            view_id=reference_of(given.get("view", "")) if changing else None,
            version=version_of(request) if changing else None,
        )
    except Problem as problem:
        return show_data(request, chosen, problem=problem)
    messages.success(request, f"The layout “{wish.name}” is saved.")
    return _to(data, given.get("days", ""), saved=ids.public_id(ids.VIEW, saved))


@posted("explore_data")
@needs(Right.READ_TRADES)
def delete(request: HttpRequest, data: str) -> HttpResponse:
    """Delete a layout."""
    chosen = chosen_data_set(data)
    if not may(request.user, chosen.right):
        return denied(request, chosen.right)
    name = delete_view(
        listed=layouts_for(chosen),
        view_id=reference_of(request.POST.get("view", "")),
        version=version_of(request),
        by=by_of(request),
        now=utc_now(),
    )
    messages.success(request, f"The layout “{name}” is deleted.")
    return _to(data, request.POST.get("days", ""))


def _to(data: str, days: str, **more: str) -> HttpResponse:
    """Lead to the grid, with the days that it showed: `first.last`, either of them empty."""
    first, _, last = days.partition(".")
    asked: dict[str, Any] = {name: text for name, text in (("from", first), ("to", last)) if text} | more
    address = reverse("explore_data", args=[data])
    return HttpResponseRedirect(f"{address}?{urlencode(asked)}" if asked else address, status=303)


for _view in (save, delete):
    chooses("data", {code: (each.right,) for code, each in DATA_SETS.items()}, _view)  # type: ignore[arg-type]
