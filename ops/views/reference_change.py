"""The form of a change of one row of reference data, or of a new one, drawn from the fields of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from core.money import format_number
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, show
from ops.stale import SHOWN, Settled, came_late, keep, stale
from ops.views.reference import TABS, address, kind_in
from ops.views.reference_proposal import shown_rows
from refdata.changes import Change, foresee_change, propose_reference_change, row_faults, stored_row
from refdata.kinds.base import REQUIRED, Kind

_TAKEN = "There is such a row already. Open it, and propose a change of it."


@needs(Right.PROPOSE_REFERENCE)
def reference_change(request: HttpRequest) -> HttpResponse:
    """Propose a new row, or other fields of one that is stored; what is wrong is told at each field."""
    given = request.POST if request.method == "POST" else request.GET
    kind, changes = kind_in(given), _text(given, "of") == "stored"
    found = stored_row(kind=kind.code, key=given.dict())
    if request.method != "POST":
        changes = any(name in given for name in kind.key)
        if changes and found is None:
            raise Http404
        return _show(request, kind, _texts(kind, found[1] if found else {}), changes=changes)
    if changes and found is None:
        raise Http404
    typed = {name: _text(given, name) for name in kind.fields}
    stored = _texts(kind, found[1]) if changes and found else None
    late = None if stored is None else came_late(request, present=stored, typed=typed, labels=_labels(kind))
    if late is not None:
        return _show(request, kind, late.values, changes=changes, problem=stale(), late=late)
    row = {name: text or None for name, text in typed.items()}
    try:
        if found and not changes:
            raise _invalid([Fault(f"/{kind.key[0]}", _TAKEN, "taken")])
        if "show" in request.POST:
            foreseen = foresee_change(kind=kind.code, rows=[row], now=utc_now())
            if faults := row_faults(foreseen.rows):
                raise _invalid(faults)
            return _show(request, kind, typed, changes=changes, foreseen=foreseen)
        proposal_id = propose_reference_change(
            kind=kind.code,
            rows=[row],
            reason=_text(given, "reason"),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, kind, typed, changes=changes, problem=problem)
    messages.success(request, f"{ids.public_id(ids.PROPOSAL, proposal_id)} waits for a second person.")
    where = address(kind, typed) if changes else f"{reverse('reference')}?{urlencode({'kind': kind.code})}"
    return HttpResponseRedirect(where, status=303)


def _show(
    request: HttpRequest,
    kind: Kind,
    typed: Mapping[str, str],
    *,
    changes: bool,
    problem: Problem | None = None,
    foreseen: Change | None = None,
    late: Settled | None = None,
) -> HttpResponse:
    opened = request.method != "POST" or late is not None
    shown = Shown.of(problem) if problem else None
    context = {
        "kind": kind,
        "title": dict(TABS)[kind.code],
        "changes": changes,
        "name": " ".join(typed[name] for name in kind.key),
        "shown": keep(_present(kind, typed)) if opened and changes else request.POST.get(SHOWN, ""),
        "moved": late.moved if late else [],
        "fields": [_field(kind, name, typed, shown, changes) for name in kind.fields],
        "back": address(kind, typed)
        if changes
        else f"{reverse('reference')}?{urlencode({'kind': kind.code})}",
        "reason": _text(request.POST, "reason"),
        "foreseen": foreseen,
        "rows": shown_rows(kind.code, foreseen.changes) if foreseen else [],
        "problem": shown,
    }
    status = problem.status if problem else 200
    return show(
        request, "ops/reference_change.html", context, screen="reference_change", now=utc_now(), status=status
    )


def _field(
    kind: Kind, name: str, typed: Mapping[str, str], problem: Shown | None, changes: bool
) -> dict[str, Any]:
    """Return what the form says of a field. The key of a stored row stands fast."""
    each = kind.fields[name]
    example = kind.example.get(name, "")
    return {
        "name": name,
        "value": typed[name],
        "fault": _fault(name, problem),
        "is_fixed": changes and name in kind.key,
        "is_needed": each.default is REQUIRED,
        "is_flag": each.type is bool,
        "is_day": each.type is date,
        "is_number": each.type in (Decimal, int),
        "example": _written(example) if each.type not in (bool, date) else "",
    }


def _fault(name: str, problem: Shown | None) -> str:
    """Return what is wrong with a field: itself, or a part of it."""
    if problem is None:
        return ""
    own = [each.detail for each in problem.faults if each.pointer.lstrip("/").split("/")[0] == name]
    return " ".join(own)


def _present(kind: Kind, typed: Mapping[str, str]) -> dict[str, str]:
    return {name: typed[name] for name in kind.fields}


def _labels(kind: Kind) -> dict[str, str]:
    return {name: name.replace("_", " ").capitalize() for name in kind.fields}


def _texts(kind: Kind, row: Mapping[str, Any]) -> dict[str, str]:
    """Return a row as the form shows it, each field as a flat file has it."""
    return {name: _written(row.get(name, kind.defaults.get(name))) for name in kind.fields}


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ";".join(f"{scheme}={key}" for key, scheme in sorted(value.items()))
    return (format_number(value) or "") if isinstance(value, Decimal) else str(value)


def _invalid(faults: list[Fault]) -> Problem:
    return Problem(422, "invalid", "This cannot be proposed.", faults=faults)


def _text(given: Mapping[str, Any], name: str) -> str:
    return str(given.get(name, "")).replace("\0", "").strip()
