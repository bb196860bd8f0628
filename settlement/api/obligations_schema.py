"""The description of the calendar of obligations in the settlement API, with examples."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import BATCH, INSTRUCTION, TRADE, public_id
from settlement.api.describing import PROBLEM
from settlement.obligations import DIRECTIONS, LINES, MEANINGS, MOST, Standing

MAX_DAYS = 31
DEFAULT_DAYS = 10
_TOO_MANY = OpenApiResponse(OpenApiTypes.OBJECT, "it would look through too much")
_STANDINGS = "; ".join(f"{standing}: {meaning}" for standing, meaning in MEANINGS.items())
_DAY = {
    "value_date": "2026-11-25",
    "late": False,
    "lines": [
        {
            "asset_kind": "CASH",
            "asset": "USD",
            "direction": "DELIVER",
            "figures": {
                "OPEN": {"count": 12, "quantity": "1204500.00"},
                "CLAIMED": {"count": 3, "quantity": "88000.00"},
            },
        },
        {
            "asset_kind": "SECURITY",
            "asset": "US0378331005",
            "direction": "RECEIVE",
            "figures": {
                "FAILED": {"count": 1, "quantity": "60"},
                "SETTLED": {"count": 4, "quantity": "940"},
            },
        },
    ],
    "lines_left_off": 0,
    "at_least": [],
}
_LEG = {
    "record": "LEG",
    "reference": f"{public_id(TRADE, 1234)}/2",
    "trade": public_id(TRADE, 1234),
    "batch": None,
    "standing": "OPEN",
    "value_date": "2026-11-25",
    "party": "ISLANDSB",
    "asset_kind": "CASH",
    "asset": "USD",
    "direction": "DELIVER",
    "quantity": "18725.00",
}
_INSTRUCTION = {
    **_LEG,
    "record": "INSTRUCTION",
    "reference": public_id(INSTRUCTION, 4321),
    "batch": public_id(BATCH, 87),
    "standing": "CLAIMED",
    "quantity": "40100.00",
}

list_obligation_days = extend_schema(
    operation_id="list_obligation_days",
    tags=["settlement"],
    description=(
        "The calendar of obligations: for each value date, what is owed in each asset and direction, by how far it has"
        f" come. {_STANDINGS}. Days before this week come first while something of them is open, then those of this"
        " week and the next ones. A trade counts from the time it is checked. Nothing is summed across assets."
    ),
    parameters=[
        OpenApiParameter("value_date", OpenApiTypes.DATE, description="only this day, done with or not"),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description=f"days, 1 to {MAX_DAYS}, default {DEFAULT_DAYS}"),
    ],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            f"items: `figures` has only the standings that there are. A day has at most {LINES:,} lines, and"
            " `lines_left_off` says how many it has besides. `at_least` names the standings whose figures may be too"
            f" low, because only the first {MOST:,} trades of a state, or instructions of a day, are looked at",
            examples=[OpenApiExample("A day", value={"items": [_DAY], "next": None})],
        ),
        400: PROBLEM,
        422: _TOO_MANY,
    },
)
list_obligations = extend_schema(
    operation_id="list_obligations",
    tags=["settlement"],
    description=(
        "The obligations behind the figures of a value date: legs that are not sealed, then instructions. One that has"
        " settled in part is there twice, with what is left and with what has settled. What moves on between two pages"
        " may be missing from the later one or stand in it again."
    ),
    parameters=[
        OpenApiParameter("value_date", OpenApiTypes.DATE, required=True),
        OpenApiParameter("asset", str, description="a currency, ISIN or SKU"),
        OpenApiParameter("direction", str, enum=list(DIRECTIONS), description="seen from us"),
        OpenApiParameter("standing", str, enum=[each.value for each in Standing]),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "items: `trade` is the first one behind an instruction; `batch` is null of a leg",
            examples=[
                OpenApiExample(
                    "A leg and an instruction", value={"items": [_LEG, _INSTRUCTION], "next": None}
                )
            ],
        ),
        400: PROBLEM,
        422: _TOO_MANY,
    },
)
