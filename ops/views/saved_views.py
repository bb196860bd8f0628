"""Views of lists: the page that saves one, the form that deletes one, the choice of columns, and files of them."""

from __future__ import annotations

from datetime import UTC
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import Group
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from ops import exports
from ops.arrangement import KEPT, Arrangement, address, arrange
from ops.lists import LISTS
from ops.lists.base import Asked, Listed
from ops.permissions import Right, may
from ops.saved_views import By, Wish, delete_view, save_view
from ops.shell import Shown, actor, chooses, denied, needs, person, show
from ops.views.exports import offer

_TEAMS_OFFERED = 500
_LAST = 1000  # the place of a column that was given none
_EVERY_LIST = {code: (each.right,) for code, each in LISTS.items()}


def _listed(request: HttpRequest, code: str) -> Listed:
    if code not in LISTS:
        raise Http404
    return LISTS[code]


@needs(Right.READ_TRADES)
def save(request: HttpRequest, listed: str) -> HttpResponse:
    """Show the form that saves what an address of a list shows as a view, or save it."""
    of = _listed(request, listed)
    if not may(request.user, of.right):
        return denied(request, of.right)
    arranged = arrange(request, of)
    if request.method != "POST":
        return _show(request, arranged)
    given = request.POST
    changing = given.get("what") == "change"
    wish = Wish(
        name=" ".join(given.get("name", "").replace("\0", " ").split()),
        content=arranged.content,
        is_shared=given.get("who") == "shared",
        team=given.get("team", "").replace("\0", " ").strip(),
    )
    try:
        saved = save_view(
            listed=of,
            wish=wish,
            by=by_of(request),
            now=utc_now(),
            view_id=reference_of(given.get("view", "")) if changing else None,
            version=version_of(request) if changing else None,
        )
    except Problem as problem:
        return _show(request, arranged, problem)
    messages.success(request, f"The view “{wish.name}” is saved.")
    to = {**wish.content.address(), "saved": ids.public_id(ids.VIEW, saved)}
    return HttpResponseRedirect(address(of, to), status=303)


@needs(Right.READ_TRADES)
def delete(request: HttpRequest, listed: str) -> HttpResponse:
    """Delete a view, and go back to its list."""
    of = _listed(request, listed)
    if not may(request.user, of.right):
        return denied(request, of.right)
    if request.method != "POST":
        return HttpResponseRedirect(address(of, {}))
    view_id = reference_of(request.POST.get("view", ""))
    name = delete_view(
        listed=of, view_id=view_id, version=version_of(request), by=by_of(request), now=utc_now()
    )
    messages.success(request, f"The view “{name}” is deleted.")
    return HttpResponseRedirect(address(of, {"saved": "none"}), status=303)


@needs(Right.READ_TRADES)
def columns(request: HttpRequest, listed: str) -> HttpResponse:
    """Lead to a list with the columns that a form chose, each with its place."""
    of = _listed(request, listed)
    if not may(request.user, of.right):
        return denied(request, of.right)
    given = {name: str(value) for name, value in request.GET.items() if name in {*of.filters, "sort", *KEPT}}
    if request.GET.get("what") == "usual":
        given["columns"] = ""
    elif "show" in request.GET:
        known = [code for code in dict.fromkeys(request.GET.getlist("show")) if code in of.by_code]
        known.sort(key=lambda code: _place(request, code))
        usual = [each.code for each in of.usual_columns(given)]
        given["columns"] = "" if known == usual else ",".join(known)
    return HttpResponseRedirect(address(of, given))


@needs(Right.READ_TRADES)
def export(request: HttpRequest, listed: str) -> HttpResponse:
    """Send what an address of a list shows, all of its pages, as a file, or offer to have it made."""
    of = _listed(request, listed)
    if not may(request.user, of.right):
        return denied(request, of.right)
    form = request.GET.get("format", "csv")
    if form not in exports.FORMATS:
        fault = Fault("/format", f"One of {', '.join(exports.FORMATS)}.", "unknown")
        raise Problem(422, "invalid", "The list cannot be exported like this.", faults=[fault])
    arranged, now = arrange(request, of), utc_now()
    content = arranged.content
    try:
        found, rows = exports.gather(
            listed=of,
            content=content,
            shown=arranged.shown,
            asked=Asked(content.parameters, content.sort, person(request).id, now, exports.ROWS_MAX),
        )
    except Problem as problem:
        if problem.code != exports.TOO_MANY:
            raise
        return offer(request, arranged, problem)
    exports.tell(found, form, rows=rows, user_id=person(request).id, actor=actor(request))
    name = f"{of.code}-{now.astimezone(UTC):%Y%m%d-%H%M%S}.{form}"
    sent: Any = StreamingHttpResponse(
        exports.parts(found, form),
        content_type=exports.FORMATS[form].media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
    return cast(HttpResponse, sent)  # as the console's views say; Django takes either


for _view in (save, delete, columns, export):
    chooses("listed", _EVERY_LIST, _view)


def _place(request: HttpRequest, code: str) -> int:
    text = request.GET.get(f"at-{code}", "")
    return int(text[:3]) if text.isascii() and text.isdecimal() else _LAST


def by_of(request: HttpRequest) -> By:
    """Return who saves or deletes a view."""
    return By(person(request), may(request.user, Right.MANAGE_VIEWS), actor(request))


def reference_of(text: str) -> int:
    """Return the id of a view; Problem 404 for what is none."""
    found = ids.database_id(ids.VIEW, text)
    if found is None:
        raise Problem(404, "not-found", "There is no such view.")
    return found


def version_of(request: HttpRequest) -> int | None:
    """Return the version of a view that a form was made from, None where it names none."""
    text = request.POST.get("version", "")
    return int(text[:9]) if text.isascii() and text.isdecimal() else None


def _show(request: HttpRequest, arranged: Arrangement, problem: Problem | None = None) -> HttpResponse:
    saved = arranged.saved
    may_manage = may(request.user, Right.MANAGE_VIEWS)
    first: dict[str, Any] = {"what": "new", "who": "own"}
    if saved is not None:
        yours = saved.owner_id == person(request).id or may_manage
        first = {
            "what": "change" if yours else "new",
            "name": saved.name if yours else "",
            "who": "shared" if saved.is_shared and yours else "own",
            "team": saved.team if yours else "",
            "version": saved.version,
        }
    typed = {**first, **request.POST.dict()} if problem else first
    if problem and "version" in problem.extra:
        typed["version"] = problem.extra["version"]
    context = {
        "listed": arranged.listed,
        "arranged": arranged,
        "back": address(arranged.listed, arranged.parameters),
        "changeable": saved is not None and (saved.owner_id == person(request).id or may_manage),
        "may_manage": may_manage,
        "teams": list(Group.objects.order_by("name").values_list("name", flat=True)[:_TEAMS_OFFERED]),
        "typed": typed,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/view_save.html", context, screen="view_save", now=utc_now(), status=status)
