"""One row of reference data: its fields, what the log tells of it, and what is proposed about it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from core.clock import utc_now
from core.log import Filter, search
from ops.permissions import Right
from ops.shell import needs, show
from ops.views.reference import TABS, address, kind_in, shown
from refdata.changes import stored_row, waiting_for

_HISTORY = 50
_WAITING = 20


@needs(Right.READ_REFERENCE)
def reference_row(request: HttpRequest) -> HttpResponse:
    """Show a row as it is stored, who has changed it when and why, and the proposals that wait."""
    kind = kind_in(request.GET)
    found = stored_row(kind=kind.code, key=request.GET.dict())
    if found is None:
        raise Http404
    row_id, row = found
    events = search(Filter(subject=kind.subject, subject_id=row_id)).rows
    context = {
        "kind": kind,
        "title": dict(TABS)[kind.code],
        "name": " ".join(str(row[name]) for name in kind.key),
        "fields": [(name, shown(value)) for name, value in row.items()],
        "history": [(each, _told(each["data"] or {})) for each in events[:_HISTORY]],
        "more": len(events) > _HISTORY,
        "waiting": waiting_for(kind=kind.code, key={name: row[name] for name in kind.key}, most=_WAITING),
        "change": address(kind, row, "reference_change"),
    }
    return show(request, "ops/reference_row.html", context, screen="reference_row", now=utc_now())


def _told(data: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return the fields that an event tells of, each before and after; of a new row those that say something."""
    before, after = data.get("before"), data.get("after") or {}
    if before is None:
        return [(name, "", shown(value)) for name, value in after.items() if value not in (None, "", {})]
    return [(name, shown(before.get(name)), shown(value)) for name, value in after.items()]
