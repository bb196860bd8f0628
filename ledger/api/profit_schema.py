"""How the API's description tells of profit."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import TRADE, public_id

_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
RUN: dict[str, Any] = {
    "date": "2026-11-23",
    "run": 1,
    "kind": "CLOSE",
    "as_at": "2026-11-23T18:05:00Z",
    "against": "2026-11-20",
    "base_currency": "EUR",
    "reason": "",
    "flags": 0,
    "open_flags": 0,
    "opening_restated": False,
    "signed_off_at": None,
}
FIGURES: dict[str, Any] = {
    "total": "64.45",
    "parts": {
        "new_trades": "0.00",
        "amendments": "0.00",
        "market": "64.40",
        "fx": "2.00",
        "carry": "0.00",
        "fees": "-1.95",
        "adjustments": "0.00",
        "unexplained": "0.00",
    },
}
_POSITION = {
    "instrument": "US0378331005",
    "currency": "USD",
    "quantity": "10",
    "local_value": "168.05",
    "local_total": "68.05",
    "base_value": "154.61",
    "priced": True,
    **FIGURES,
}
_PRICE = {
    "instrument": "US0378331005",
    "currency": "USD",
    "quoted": "187",
    "quoted_on": "2026-11-23",
    "unit_price": "187",
    "unit_interest": "0",
    "before": {"quoted": "180", "quoted_on": "2026-11-20", "unit_price": "180", "unit_interest": "0"},
    "flag": None,
    "accepted": None,
    "accepted_by": None,
}
_TRADE = {
    "trade": public_id(TRADE, 1234),
    "version": 1,
    "source": "FO-EQ",
    "source_ref": "E-1",
    "part": "HELD",
    "currency": "USD",
    "quantity": "10",
    "cash": "-1700",
    "fees": "-1.95",
}
WHICH = OpenApiParameter("run", int, description="the number of the run; default: the latest of the day")
BOOK = OpenApiParameter("book", str, description="only of this book")


def answer(text: str, name: str, value: Any) -> dict[int, OpenApiResponse]:
    """Return the answers of an endpoint: what it says, with an example, and the problems."""
    told = OpenApiResponse(OpenApiTypes.OBJECT, text, examples=[OpenApiExample(name, value=value)])
    return {200: told, 400: _PROBLEM, 404: _PROBLEM}


list_days = extend_schema(
    operation_id="list_profit_days",
    tags=["profit"],
    parameters=[
        OpenApiParameter("first", str, description="default: 31 days before `last`; 366 days at most"),
        OpenApiParameter("last", str, description="default: today"),
        BOOK,
    ],
    responses=answer(
        "items: the latest run of each day, whose parts add up to its total to the minor unit",
        "A day",
        {"items": [{**RUN, **FIGURES}]},
    ),
)
explain_day = extend_schema(
    operation_id="explain_profit_day",
    tags=["profit"],
    parameters=[
        OpenApiParameter(
            "by",
            str,
            enum=["book", "desk", "trader", "instrument", "counterparty", "product", "currency"],
            description="default: book",
        ),
        BOOK,
        WHICH,
    ],
    responses=answer(
        "items: by what was asked for; runs: every run of the day, so what was restated stands beside what it was;"
        " lag_seconds: of a day that has not ended, for how long trades have moved that these figures do not know",
        "By desk",
        {
            **RUN,
            "lag_seconds": None,
            **FIGURES,
            "items": [{"desk": "EQ", **FIGURES}],
            "runs": [{**RUN, **FIGURES}],
        },
    ),
)
list_positions = extend_schema(
    operation_id="list_profit_positions",
    tags=["profit"],
    parameters=[WHICH],
    responses=answer(
        "items: by instrument (null: none, such as exchanges) and currency. The values are wealth: what is held at"
        " the close, with all that was paid and received for it",
        "A position",
        {**RUN, "items": [_POSITION]},
    ),
)
list_prices = extend_schema(
    operation_id="list_profit_prices",
    tags=["profit"],
    parameters=[OpenApiParameter("flagged", bool, description="only what is flagged"), WHICH],
    responses=answer(
        "items: prices, and rates (instrument null), as they were when the run was made. flag: MISSING, STALE, CURRENCY"
        " or INTEREST. unit_price: of one unit of quantity, with a contract's multiplier",
        "A price",
        {**RUN, "items": [_PRICE]},
    ),
)
list_trades = extend_schema(
    operation_id="list_profit_trades",
    tags=["profit"],
    parameters=[
        OpenApiParameter("book", str, required=True),
        OpenApiParameter(
            "instrument", str, description="its code; left out: what has none, such as exchanges"
        ),
        WHICH,
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="trades, 1 to 1000, default 100"),
    ],
    responses=answer(
        "items: what each trade version has of the position: HELD, moved by prices and rates, NEW, or AMENDED (it came"
        " or went). Above zero is what we get",
        "A trade",
        {"items": [_TRADE], "next": None},
    ),
)
