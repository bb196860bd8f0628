"""Margins: what orders earn by order, customer, article, product or book, and the orders behind each figure."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.as_of import NOW
from core.clock import business_date
from ledger.selectors.margins import GROUPS, ORDERS, SORTS, margin_total, margins
from ops.arrangement import arrange, seen_first
from ops.as_of import clock, where
from ops.lists.margins import MARGINS, NARROWED, SORT, group_of, wanted_of
from ops.permissions import Right
from ops.shell import needs, show

SHOWN = 200
_BY = {"order": "Order", "customer": "Customer", "article": "Article", "product": "Product", "book": "Book"}


@needs(Right.READ_PROFIT)
def margins_of_orders(request: HttpRequest) -> HttpResponse:
    """Show what orders earn, the largest groups first, and all of them together."""
    now, as_of = clock(request), where(request) or NOW
    given = request.GET.get("sort", "")
    sort = given if given in SORTS else SORT
    arranged = arrange(request, MARGINS, sort=sort)
    if (first := seen_first(request, arranged)) is not None:
        return first
    filtered = arranged.content.parameters
    by = group_of(filtered)
    wanted, faults = wanted_of(filtered, business_date(now))
    rows = margins(by=by, wanted=wanted, as_of=as_of, limit=SHOWN + 1, sort=sort)
    total = margin_total(wanted=wanted, as_of=as_of)
    context = {
        "arranged": arranged,
        "by": by,
        "groups": {code: _BY[code] for code in GROUPS},
        "products": ORDERS,
        "filtered": filtered,
        "narrowed": [(name, filtered[name]) for name in NARROWED if filtered.get(name)],
        "wanted": wanted,
        "faults": faults,
        "parameters": arranged.parameters,
        "sorts": SORTS,
        "rows": rows[:SHOWN],
        "is_cut": len(rows) > SHOWN,
        "shown": SHOWN,
        "total": total and {**total, "name": None},
        "base_currency": settings.BASE_CURRENCY,
    }
    return show(request, "ops/margins.html", context, screen="margins", now=now)
