"""Search by reference, straight to the record when there is one, else to the blotter; and the palette."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from core import ids
from ops.as_of import as_at
from ops.palette import ACTIONS, PAGES, named, records
from ops.permissions import Right, may
from ops.preferences import preferences_of
from ops.shell import DESTINATIONS, needs, person
from trades.selectors import blotter


@needs(Right.READ_TRADES)
def search(request: HttpRequest) -> HttpResponse:
    """Go to the record of a reference: ours (`trd_…`, `exc_…`, `bat_…` and the like) or the front office's own."""
    text = _text(request)
    ours = named(text)
    if ours is not None:
        return HttpResponseRedirect(ours.url)
    found = blotter.find_reference(text) if text else []
    if len(found) == 1:
        return redirect("trade", ref=ids.public_id(ids.TRADE, found[0]))
    return HttpResponseRedirect(f"{reverse('blotter')}?{urlencode({'q': text})}")


@needs(Right.READ_TRADES)
def palette(request: HttpRequest) -> HttpResponse:
    """Answer what the palette holds when it opens: the pages and actions that the person may go to."""
    pages = [each for each in (*DESTINATIONS, *PAGES) if may(request.user, each.right)]
    actions = [each for each in ACTIONS if may(request.user, each.right) and as_at(request) is None]
    context = {"pages": pages, "actions": actions, "preferences": preferences_of(request)}
    return render(request, "ops/parts/palette.html", context)


@needs(Right.READ_TRADES)
def palette_records(request: HttpRequest) -> HttpResponse:
    """Answer the records that what is typed into the palette names, as options of its list."""
    text = _text(request)
    context = {"text": text, "found": records(text, user=person(request))}
    return render(request, "ops/parts/palette_records.html", context)


def _text(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:128]
