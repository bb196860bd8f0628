"""Corporate actions: what issuers do with their securities, sent as lines and set by a second person."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.clock import utc_now
from core.http.problem import Fault, Problem
from ledger.selectors.actions import latest_actions, pending_of
from ledger.services.action_files import FIELDS, actions_of_csv
from ledger.services.corporate_actions import KIND, propose_actions
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show

_SHOWN = 200
_MAX_BYTES = 500_000


@needs(Right.READ_POSITIONS)
def actions(request: HttpRequest) -> HttpResponse:
    """Show the actions with the latest ex-dates, and the form that takes more."""
    return _show(request)


@posted("corporate_actions")
@needs(Right.PROPOSE_POSITION)
def propose(request: HttpRequest) -> HttpResponse:
    """Propose the actions of a file, or of the lines that were typed; all of them or none."""
    try:
        found, pointers = actions_of_csv(_sent(request))
        proposed = propose_actions(
            actions=found,
            pointers=pointers,
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, problem=problem)
    messages.success(
        request,
        f"{len(proposed)} action{'' if len(proposed) == 1 else 's'} proposed. Somebody else must approve.",
    )
    return HttpResponseRedirect(reverse("corporate_actions"), status=303)


def _sent(request: HttpRequest) -> bytes:
    """Return the lines of a form: of its file, if it has one. Problem 422 for too many."""
    file = request.FILES.get("file")
    if file is not None and (file.size or 0) > _MAX_BYTES:
        fault = Fault("/file", f"At most {_MAX_BYTES:,} bytes.", "length")
        raise Problem(422, "invalid", "These cannot be corporate actions.", faults=[fault])
    return file.read() if file is not None else request.POST.get("rows", "").encode()


def _show(request: HttpRequest, *, problem: Problem | None = None) -> HttpResponse:
    context = {
        "rows": latest_actions(limit=_SHOWN),
        "shown": _SHOWN,
        "pending": pending_of(KIND),
        "fields": ",".join(FIELDS),
        "typed": request.POST if problem else {},
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(
        request,
        "ops/corporate_actions.html",
        context,
        screen="corporate_actions",
        now=utc_now(),
        status=status,
    )
