"""A glance at one row of a list: its headline, to be read and closed. Nothing can be done in it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core import ids
from core.as_of import AsOf
from ops.as_of import clock, where
from ops.permissions import Right
from ops.shell import needs, surroundings
from ops.views.trade import MOVES, trade_id_of
from trades.lifecycle import State
from trades.selectors import exceptions as queue
from trades.selectors import timeline
from trades.work_items import kind_of, next_action


@needs(Right.READ_TRADES)
def trade_peek(request: HttpRequest, ref: str) -> HttpResponse:
    """Answer a trade's headline: where it stands, its economics, what the checks found."""
    return _show(request, "trade", {"reference": ref, **_trade(trade_id_of(ref), where(request))})


@needs(Right.READ_EXCEPTIONS)
def exception_peek(request: HttpRequest, ref: str) -> HttpResponse:
    """Answer an exception's headline; as of a moment, the one of the trade that it is about, as its page does."""
    number, as_of = ids.database_id(ids.EXCEPTION, ref), where(request)
    item = None if number is None else queue.exception(number)
    if item is not None and as_of is not None:
        if item.trade_id is not None:
            return redirect("trade_peek", ref=ids.public_id(ids.TRADE, item.trade_id))
        item = queue.exception_then(item.id, as_of)
    if item is None:
        raise Http404
    kind = kind_of(item.kind)
    context = {
        "reference": ref,
        "item": item,
        "kind": kind,
        "next_action": next_action(kind=item.kind, codes=item.codes, move=item.move or kind.move),
        **(_trade(item.trade_id, as_of) if item.trade_id is not None else {}),
    }
    return _show(request, "exception", context)


def _trade(trade_id: int, as_of: AsOf | None) -> dict[str, Any]:
    found = timeline.trade(trade_id, as_of)
    if found is None:
        raise Http404
    move = MOVES[State(found["state"])]
    return {"trade": found, "move": move, "findings": timeline.findings(trade_id, as_of)}


def _show(request: HttpRequest, screen: str, context: dict[str, Any]) -> HttpResponse:
    around = surroundings(request, screen=screen, now=clock(request))
    return render(request, f"ops/parts/{screen}_peek.html", {**around, **context})
