"""Search by reference: straight to the record when there is one, else to the blotter."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse

from core import ids
from ops.permissions import Right
from ops.shell import needs
from trades.selectors import blotter

_PAGES = {ids.TRADE: "trade", ids.EXCEPTION: "exception", ids.BATCH: "batch"}


@needs(Right.READ_TRADES)
def search(request: HttpRequest) -> HttpResponse:
    """Go to the record of a reference: ours (`trd_…`, `exc_…`, `bat_…`) or the front office's own."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:128]
    for prefix, page in _PAGES.items():
        number = ids.database_id(prefix, text)
        if number is not None:
            return redirect(page, ref=ids.public_id(prefix, number))
    found = blotter.find_reference(text) if text else []
    if len(found) == 1:
        return redirect("trade", ref=ids.public_id(ids.TRADE, found[0]))
    return HttpResponseRedirect(f"{reverse('blotter')}?{urlencode({'q': text})}")
