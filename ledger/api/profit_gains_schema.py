"""How the API's description tells of what was realised."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from ledger.api.profit_schema import BOOK, RUN, WHICH, answer
from ledger.selectors.profit import GROUPS

_GAINS: dict[str, Any] = {
    "total": "64.45",
    "realised": "40.00",
    "unrealised": "24.40",
    "carry": "0.00",
    "fees": "-1.95",
    "fx": "2.00",
    "adjustments": "0.00",
    "transferred": "0.00",
    "difference": "0.00",
    "reasons": [],
}
_SAID = (
    " realised: what closings of lots gained; unrealised: the change of what open lots are worth above their cost;"
    " transferred: what one trader opened and another closed, nought over a position; difference: what the lots do not"
    " tell, for its reasons (UNKNOWN, RATE, UNPRICED, REFUSED, WAITING, FEES, INTEREST, OTHER)."
)
list_gains = extend_schema(
    operation_id="list_profit_gains",
    tags=["profit"],
    parameters=[
        OpenApiParameter("by", OpenApiTypes.STR, enum=list(GROUPS), description="default: book"),
        BOOK,
        WHICH,
    ],
    responses=answer(
        f"items: by what was asked for; the figures of each add up to its total.{_SAID}",
        "By trader",
        {**RUN, **_GAINS, "items": [{"trader": "jdoe", **_GAINS}]},
    ),
)
list_position_gains = extend_schema(
    operation_id="list_profit_position_gains",
    tags=["profit"],
    parameters=[WHICH],
    responses=answer(
        f"items: by instrument (null: none) and currency; quantity, cost and worth are of the open lots.{_SAID}",
        "A position",
        {
            **RUN,
            "items": [
                {
                    "instrument": "US0378331005",
                    "currency": "USD",
                    "quantity": "10",
                    "cost": "1700",
                    "worth": "1870",
                    **_GAINS,
                }
            ],
        },
    ),
)
