"""The description of fails and their cost in the settlement API, with examples."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import INSTRUCTION, TRADE, public_id
from settlement.api.describing import PROBLEM
from settlement.models import CHANNELS, Penalty
from settlement.penalties import FAIL_MOVERS

_PAGE = [
    OpenApiParameter("cursor", str, description="`next` of the page before"),
    OpenApiParameter("limit", int, description="1 to 1000, default 100"),
]
_TRADE = OpenApiParameter("trade", str, description="only of this trade, `trd_…`")
_PENALTY = {
    "id": 412,
    "instruction": public_id(INSTRUCTION, 4321),
    "day": "2026-11-25",
    "asset": "US0378331005",
    "quantity": "500",
    "price": "187.25",
    "price_date": "2026-11-25",
    "basis_points": "1",
    "rate": {
        "asset_class": "EQUITY",
        "liquidity": "*",
        "currency": "*",
        "valid_from": "2022-02-01",
        "source": "Delegated Regulation (EU) 2017/389, annex",
    },
    "currency": "USD",
    "amount": "-9.36",
    "payer": "US",
    "gap": None,
    "reverses": None,
    "recorded_at": "2026-11-26T03:00:04Z",
}
_FAIL = {
    "instruction": public_id(INSTRUCTION, 4321),
    "trade": public_id(TRADE, 1234),
    "settlement": "FAILED",
    "reason": "LACK",
    "mover": "BACK_OFFICE",
    "next_action": "Settle it, or say what stands in the way.",
    "since": "2026-11-25T16:02:11Z",
    "age_business_days": 2,
    "channel": "SECURITIES",
    "party": "ISLANDSB",
    "value_date": "2026-11-25",
    "asset": "US0378331005",
    "direction": "DELIVER",
    "remaining_quantity": "500",
    "cost": {"USD": "-18.72"},
    "days_without_cost": 0,
}

list_settlement_penalties = extend_schema(
    operation_id="list_settlement_penalties",
    tags=["settlement"],
    description=(
        "What each fail costs for each business day that ended before the whole had settled: what was left, at its"
        " close price and penalty rate; of money at the rate of its currency. A day that cannot be told names its"
        " `gap`: NO_RATE or NO_PRICE. A correction reverses a row and writes another."
    ),
    parameters=[
        OpenApiParameter("instruction", str, description="only of this instruction, `ins_…`"),
        _TRADE,
        OpenApiParameter("day", OpenApiTypes.DATE),
        OpenApiParameter("currency", str, description="ISO 4217"),
        OpenApiParameter("payer", str, enum=list(Penalty.Payer.values)),
        OpenApiParameter("gap", str, enum=[each for each in Penalty.Gap.values if each]),
        *_PAGE,
    ],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "items: above zero what we receive, below what we pay; a reversal names what it reverses",
            examples=[OpenApiExample("We delivered late", value={"items": [_PENALTY], "next": None})],
        ),
        400: PROBLEM,
    },
)
list_settlement_fails = extend_schema(
    operation_id="list_settlement_fails",
    tags=["settlement"],
    description=(
        "What failed, or settled in part, and is still open, with whose move it is, its age in business days since the"
        " value date, and what it has cost so far by currency."
    ),
    parameters=[
        OpenApiParameter("mover", str, enum=list(FAIL_MOVERS), description="who must act"),
        OpenApiParameter("channel", str, enum=list(CHANNELS)),
        OpenApiParameter("party", str, description="the code of a counterparty"),
        OpenApiParameter("asset", str, description="a currency, ISIN or SKU"),
        _TRADE,
        *_PAGE,
    ],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "items: `cost` as of the last business day that ended; `days_without_cost`: days for which a rate or a"
            " price is missing",
            examples=[OpenApiExample("We lack securities", value={"items": [_FAIL], "next": None})],
        ),
        400: PROBLEM,
    },
)
