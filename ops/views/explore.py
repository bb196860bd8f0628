"""Explore: any data set in a grid that pivots, charts and filters in the browser, one click from the records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, cast

from csp.constants import NONCE
from csp.decorators import csp_update
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core import sql
from core.clock import utc_now
from core.http.problem import Fault, Problem
from core.wording import say
from ops.arrow import arrow_file
from ops.data_sets import DATA_SETS
from ops.data_sets.base import ROWS_MAX, DataSet, Place, Span
from ops.layouts import KEPT, content_of, layout_of, layouts_of
from ops.permissions import Right, may
from ops.saved_views import Known
from ops.shell import Shown, chooses, denied, needs, person, show

# The grid is WebAssembly, and its worker a blob; the styles it makes carry the page's nonce.
GRID = {
    "script-src": ["'wasm-unsafe-eval'", "blob:"],
    "worker-src": ["'self'", "blob:"],
    "style-src": [NONCE],
}
_ARROW = "application/vnd.apache.arrow.stream"


@needs(Right.READ_TRADES)
def explore(request: HttpRequest) -> HttpResponse:
    """Lead to the first data set."""
    return HttpResponseRedirect(reverse("explore_data", args=["trades"]))


@csp_update(GRID)  # type: ignore[arg-type]  # it is declared for views of addresses without parts
@needs(Right.READ_TRADES)
def explore_data(request: HttpRequest, data: str) -> HttpResponse:
    """Show a data set in the grid, or say why its rows cannot be shown."""
    chosen = chosen_data_set(data)
    if not may(request.user, chosen.right):
        return denied(request, chosen.right)
    return show_data(request, chosen)


def show_data(request: HttpRequest, chosen: DataSet, *, problem: Problem | None = None) -> HttpResponse:
    """Show a data set in the grid; after a layout that could not be saved, with that layout and what was typed."""
    typed = _typed(request)
    _, faults = _span(typed)
    asked = {name: text for name, text in typed.items() if text and name not in faults}
    layouts = layouts_of(chosen, user_id=person(request).id)
    wanted = request.GET.get("saved", "") or request.POST.get("view", "")
    saved = next((each for each in layouts if each.reference == wanted), None)
    yours = saved is not None and (
        saved.owner_id == person(request).id or may(request.user, Right.MANAGE_VIEWS)
    )
    usual = {"name": saved.name if saved else "", "who": "shared" if saved and saved.is_shared else "own"}
    context = {
        "data": chosen,
        "data_sets": [each for each in DATA_SETS.values() if may(request.user, each.right)],
        "typed": typed,
        "asked": asked,
        "days": f"{asked.get('from', '')}.{asked.get('to', '')}",
        "faults": faults,
        "layouts": layouts,
        "saved": saved,
        "changeable": yours,
        "form": request.POST if problem else usual,
        "problem": Shown.of(problem) if problem else None,
        "settings": _settings(request, chosen, asked, _layout(request, saved, problem)),
    }
    status = problem.status if problem else 200
    return show(request, "ops/explore.html", context, screen="explore", now=utc_now(), status=status)


def _layout(request: HttpRequest, saved: Known | None, problem: Problem | None) -> Mapping[str, Any]:
    """Return the layout that is shown first: the one that could not be saved, or the one that is looked at."""
    if problem is not None:
        try:
            return layout_of(content_of(request.POST.get("layout", "")))
        except Problem:
            return {}
    return layout_of(saved.content) if saved else {}


@needs(Right.READ_TRADES)
def explore_rows(request: HttpRequest, data: str) -> HttpResponse:
    """Answer the newest rows of a data set as an Arrow stream."""
    chosen = chosen_data_set(data)
    if not may(request.user, chosen.right):
        return denied(request, chosen.right)
    span, faults = _span(_typed(request))
    if faults:
        found = [Fault(f"/{name}", told, "type") for name, told in faults.items()]
        raise Problem(422, "invalid", "There is no such span of days.", faults=found)
    try:
        file = arrow_file(chosen, span)
    except sql.TookTooLong as error:
        raise Problem(503, "too-broad", "This took too long to read. Choose fewer days.") from error
    answer = FileResponse(file, content_type=_ARROW, headers={"Cache-Control": "no-store"})
    return cast(HttpResponse, answer)  # it streams, which the shell's views are not declared to do


for _view in (explore_data, explore_rows):
    chooses("data", {code: (each.right,) for code, each in DATA_SETS.items()}, _view)  # type: ignore[arg-type]


def chosen_data_set(code: str) -> DataSet:
    """Return a data set by its code; Http404 where there is none."""
    if code not in DATA_SETS:
        raise Http404
    return DATA_SETS[code]


def _typed(request: HttpRequest) -> dict[str, str]:
    first, _, last = request.POST.get("days", "").partition(".")
    given = {"from": first, "to": last} if request.method == "POST" else request.GET
    return {name: str(given.get(name, "")).replace("\0", "").strip()[:10] for name in ("from", "to")}


def _span(typed: Mapping[str, str]) -> tuple[Span, dict[str, str]]:
    """Return the span of days that was typed, and what cannot be read of it by field."""
    days: dict[str, date | None] = {}
    faults = {}
    for name, text in typed.items():
        try:
            days[name] = date.fromisoformat(text) if text else None
        except ValueError:
            faults[name] = "Write a date as 2026-11-23."
    first, last = days.get("from"), days.get("to")
    if first and last and first > last:
        faults["to"] = "This is before the first day."
    return Span(first, last), faults


# What the page's script says.
_WORDS = {
    "open_record": "Open the record",
    "open_list": "Open the list",
    "all_rows": "All rows",
    "not_narrowed": "the list cannot be narrowed by {columns}",
    "ended": "Your session has ended. Load the page again to log in.",
    "too_long": "This took too long to read. Choose fewer days.",
    "failed": "The rows could not be read. Try again, or choose fewer days.",
    "no_rows": "There are no rows here yet, or none of these days.",
    "one_row": "1 row.",
    "rows": "{n} rows.",
    "newest_rows": "The newest {n} rows; choose days to see others.",
}


def _settings(
    request: HttpRequest, data: DataSet, asked: Mapping[str, str], layout: Mapping[str, Any]
) -> str:
    """Return, as JSON, what the script of the page goes by."""
    settings = {
        "rows": f"{reverse('explore_rows', args=[data.code])}{'?' if asked else ''}{urlencode(asked)}",
        "rows_max": ROWS_MAX,
        "layout": {**data.layout, **layout},
        "kept": KEPT,
        "record": _record(data.record),
        "list": _list(data.list),
        "nonce": str(request.csp_nonce),  # type: ignore[attr-defined]
    }
    return json.dumps({**settings, "words": {name: say(text) for name, text in _WORDS.items()}})


def _record(place: Place | None) -> dict[str, str] | None:
    """Return where a row's record is: the column with its reference and the address up to it."""
    if place is None:
        return None
    before, _, after = reverse(place.screen, args=["REF"]).partition("REF")
    return {"column": place.column, "before": before, "after": after}


def _list(place: Place | None) -> dict[str, Any] | None:
    """Return where the records of a group are: the address of the list, and its filter by column."""
    if place is None:
        return None
    return {"url": reverse(place.screen), "filters": dict(place.filters)}
