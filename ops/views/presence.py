"""What an open page of a record asks every few seconds: who else has it open, and whether it has changed."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from core import ids
from core.clock import utc_now
from ops.live import answer, mark_of
from ops.permissions import Right, may
from ops.presence import leave, others_at
from ops.shell import denied, needs, person
from trades.selectors import chosen
from trades.selectors.marks import exception_mark
from trades.services.versions import trade_etag


@needs(Right.READ_TRADES)
def presence(request: HttpRequest) -> HttpResponse:
    """Tell who else has a trade or an exception open (`of`), and whether it is as the page shows it (`mark`)."""
    of, now = request.GET.get("of", ""), utc_now()
    if of.startswith(ids.EXCEPTION) and not may(request.user, Right.READ_EXCEPTIONS):
        return denied(request, Right.READ_EXCEPTIONS)
    mark = _mark(of)
    if not mark:
        raise Http404
    name = person(request).get_username()
    if "left" in request.GET:
        leave(of, username=name)
        return HttpResponse(status=204)
    others = others_at(of, username=name, now=now, idle="idle" in request.GET)
    has_changed = request.GET.get("mark", mark) != mark
    context = {"others": others, "has_changed": has_changed}
    return answer(request, "ops/parts/presence.html", context, mark=mark_of(others, has_changed), now=now)


def _mark(reference: str) -> str:
    """Return the mark of a record; empty when there is none."""
    item_id, trade_id = (ids.database_id(each, reference) for each in (ids.EXCEPTION, ids.TRADE))
    if item_id is not None:
        return exception_mark(item_id)
    at = chosen.trades_seen([trade_id])[trade_id] if trade_id is not None else None
    return trade_etag(*at) if at else ""
