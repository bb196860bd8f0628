"""How the API describes positions, the entries behind them, and lots."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import TRADE, public_id
from ledger.selectors.lots import FILLS_MAX

TAGS = ["positions"]
PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_WHICH = [
    OpenApiParameter("book", str, description="a book's code"),
    OpenApiParameter("instrument", str, description="an instrument's code; empty: cash only"),
    OpenApiParameter("currency", str, description="ISO 4217"),
]
_PARTY = OpenApiParameter("party", str, description="a counterparty's code")
_PAGE = [
    OpenApiParameter("cursor", str, description="`next` of the page before"),
    OpenApiParameter("limit", int, description="1 to 1000, default 100"),
]
_AXES = [
    OpenApiParameter(
        "as_at",
        OpenApiTypes.DATETIME,
        description="as the ledger knew it at this moment, which is not in the future",
    ),
    OpenApiParameter(
        "on",
        OpenApiTypes.DATE,
        description="what was dealt, or was to settle and has, by the end of this business date",
    ),
]
_TRADE = public_id(TRADE, 1234)
_POSITION = {
    "book": "EQ-US", "instrument": "US0378331005", "currency": "USD", "party": None, "traded": "300", "settled": "100",
}  # fmt: skip
_ENTRY = {
    "id": 71, "book": "EQ-US", "instrument": "US0378331005", "currency": "USD", "party": "HUDSONPI",
    "basis": "TRADED", "quantity": "100", "amount": "18725.00", "fees": "1.95", "effective_date": "2026-11-23",
    "settlement_date": "2026-11-25", "trade": _TRADE, "version": 1, "leg": 1, "corporate_action": None,
    "reverses": None, "reversed": False, "recorded_at": "2026-11-23T09:14:07Z",
}  # fmt: skip
_LOT = {
    "book": "EQ-US", "instrument": "US0378331005", "currency": "USD", "trade": _TRADE, "version": 1, "leg": 1,
    "opened_on": "2026-11-23", "quantity": "60", "cost": "11235.00", "unit_cost": "187.25", "refused": False,
}  # fmt: skip
_MOVEMENT = {
    "id": 12, "book": "EQ-US", "instrument": "US0378331005", "currency": "USD", "kind": "CLOSE", "day": "2026-11-24",
    "trade": public_id(TRADE, 1240), "version": 1, "leg": 1, "corporate_action": None, "lot_trade": _TRADE,
    "lot_version": 1, "lot_leg": 1, "quantity": "-40", "cost": "-7490.00", "value": "-7600.00", "gain": "110.00",
}  # fmt: skip


def _listing(
    operation: str,
    parameters: list[OpenApiParameter],
    told: str,
    example: dict[str, Any],
    refused: tuple[int, ...] = (),
) -> Any:
    return extend_schema(
        operation_id=operation,
        tags=TAGS,
        parameters=[*parameters, *_PAGE],
        responses={
            200: OpenApiResponse(
                OpenApiTypes.OBJECT,
                told,
                examples=[OpenApiExample("A page", value={"items": [example], "next": None})],
            ),
            **dict.fromkeys((400, *refused), PROBLEM),
        },
    )


positions = _listing(
    "list_positions",
    [
        *_WHICH,
        _PARTY,
        OpenApiParameter("by", str, enum=["party"], description="told apart by counterparty"),
        *_AXES,
    ],
    "items: what is not nought, traded and settled, by book, instrument (cash first) and currency",
    _POSITION,
)
entries = _listing(
    "list_position_entries",
    [
        *_WHICH,
        _PARTY,
        OpenApiParameter("basis", str, enum=["TRADED", "SETTLED"], description="since when it counts"),
        *_AXES,
    ],
    "items: the entries of which positions are the sum, each with the trade version or corporate action it comes from",
    _ENTRY,
)
_LOT_AXES = [
    OpenApiParameter(
        "as_at",
        OpenApiTypes.DATETIME,
        description="as the ledger knew it at this moment, of one book and instrument; 413 for a position of more than"
        f" {FILLS_MAX:,} deals",
    ),
    OpenApiParameter("on", OpenApiTypes.DATE, description="as they were by the end of this business date"),
]
lots = _listing(
    "list_lots",
    [*_WHICH, *_LOT_AXES],
    "items: what is left of what each trade opened; a refused sale is in no lot, and said as `refused`",
    _LOT,
    refused=(413,),
)
movements = _listing(
    "list_lot_movements",
    [*_WHICH, *_LOT_AXES],
    "items: what opened, closed, split or pooled lots, with what was realised; told again, under other ids, when the"
    " past changes, and numbered in their order as of a moment",
    _MOVEMENT,
    refused=(413,),
)
