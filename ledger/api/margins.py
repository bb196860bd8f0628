"""Over the API: what orders for goods and services earn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.as_of import known_at, moment_of, tick_of
from core.clock import business_date, utc_now
from core.http.cursor import bent_cursor, decode_cursor, limit_of, page
from core.http.moments import moment_parameter
from core.http.named import with_view
from core.http.problem import Fault, unreadable
from core.http.views import json_response
from core.money import format_amount
from ledger.api import margins_schema as schema
from ledger.api.profit import SPAN_MAX, date_of
from ledger.selectors.margins import GROUPS, ORDERS, Wanted, margins

_DEFAULT_SPAN = timedelta(days=31)
_CODE_MAX = 100


class Margins(APIView):
    """Revenue, cost and margin of orders."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_margins
    def get(self, request: Request) -> HttpResponse:
        asked, limit = with_view(request, of="margins"), limit_of(request)
        last = date_of(asked.get("last"), "last") or business_date(utc_now())
        first = date_of(asked.get("first"), "first") or last - _DEFAULT_SPAN
        by = asked.get("by", "customer")
        faults = [] if by in GROUPS else [Fault("query:by", f"One of {', '.join(GROUPS)}.", "unknown")]
        faults += [
            Fault(f"query:{name}", f"A code of at most {_CODE_MAX} characters.", "length")
            for name in ("book", "customer", "article")
            if len(asked.get(name, "")) > _CODE_MAX
        ]
        if asked.get("product", "") not in {"", *ORDERS}:
            faults.append(Fault("query:product", f"One of {', '.join(ORDERS)}.", "unknown"))
        if not 0 <= (last - first).days < SPAN_MAX:
            faults.append(Fault("query:first", f"From 1 to {SPAN_MAX} days end with `last`.", "range"))
        moment = moment_parameter(request, "as_at")
        if moment is not None and moment > utc_now():
            faults.append(Fault("query:as_at", "This moment is still to come.", "future"))
        if faults:
            raise unreadable(faults)
        place = decode_cursor(asked.get("cursor", ""), parts=2)
        if place is not None:
            try:
                carried = moment_of(place[0])
            except OverflowError:
                raise bent_cursor() from None
            if moment not in {None, carried} or (carried or utc_now()) > utc_now():
                raise bent_cursor()
            moment = carried
        rows = margins(
            by=by,
            wanted=Wanted(
                first,
                last,
                **{name: asked.get(name, "") for name in ("book", "customer", "article", "product")},
            ),
            as_of=known_at(moment),
            after=place[1] if place else -1,
            limit=limit,
        )
        more = (tick_of(moment), rows[-1]["id"]) if len(rows) == limit else None
        return json_response(
            {
                "first": first,
                "last": last,
                "as_at": moment,
                "base_currency": settings.BASE_CURRENCY,
                **page([margin_document(by, row) for row in rows], next_key=more),
            }
        )


def margin_document(by: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return what a group of orders earns, in base currency, as JSON-ready data."""
    base = settings.BASE_CURRENCY
    amounts = {name: format_amount(row[name], base) for name in ("revenue", "cost", "margin")}
    counts = {name: row[name] for name in ("orders", "lines", "missing_costs", "missing_rates")}
    version = {"version": row["version"]} if by == "order" else {}
    return {by: row["name"] or None, **version, **amounts, **counts}
