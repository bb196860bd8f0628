"""How the API's description tells of what orders earn."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from core.http.named import IN_QUERY as VIEW
from ledger.api.profit_schema import answer
from ledger.selectors.margins import GROUPS, ORDERS

_MARGIN = {
    "customer": "CUST-ALDERNEY",
    "revenue": "168.24",
    "cost": "57.40",
    "margin": None,
    "orders": 1,
    "lines": 2,
    "missing_costs": 1,
    "missing_rates": 0,
}
list_margins = extend_schema(
    operation_id="list_margins",
    tags=["profit"],
    parameters=[
        OpenApiParameter("by", OpenApiTypes.STR, enum=list(GROUPS), description="default: customer"),
        OpenApiParameter(
            "first", str, description="trade date; default: 31 days before `last`; 366 days at most"
        ),
        OpenApiParameter("last", str, description="trade date; default: today"),
        OpenApiParameter("book", str, description="only of this book"),
        OpenApiParameter("customer", str, description="only of this customer"),
        OpenApiParameter("article", str, description="only lines of this article"),
        OpenApiParameter("product", str, enum=list(ORDERS), description="only of this product"),
        OpenApiParameter(
            "as_at", OpenApiTypes.DATETIME, description="the orders as they were known at this moment"
        ),
        VIEW,
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    responses=answer(
        "items: what the orders that were sold earn, in base currency at the rates of their trade dates, without"
        " charges on top. Articles cost their standard cost of that day. missing_costs: the lines whose article has"
        " none; cost is that of the others, and margin null. By order, version is the one that is told",
        "A customer",
        {
            "first": "2026-10-23",
            "last": "2026-11-23",
            "as_at": None,
            "base_currency": "EUR",
            "items": [_MARGIN],
            "next": None,
        },
    ),
)
