"""The description of single instructions in the settlement API, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from core.http.moments import IN_QUERY as AXES
from core.ids import BATCH, INSTRUCTION, TRADE, public_id
from settlement.api.describing import PROBLEM, example

_ID = public_id(INSTRUCTION, 1001)
_REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the instruction, `ins_…`")
_CURSOR = OpenApiParameter("cursor", str, description="`next` of the page before")
_LIMIT = OpenApiParameter("limit", int, description="1 to 1000, default 100")

_EXAMPLE: dict[str, Any] = {
    "instruction": _ID,
    "line": 1,
    "asset": "EUR",
    "direction": "DELIVER",
    "quantity": "1250.00",
    "processing": "ACCEPTED",
    "processing_reason": "",
    "matching": None,
    "matching_reasons": [],
    "settlement": "PENDING",
    "settlement_reasons": [],
    "settled_quantity": "0.00",
    "cancellation": None,
    "cancellation_reasons": [],
    "batch": public_id(BATCH, 41),
    "channel": "CASH",
    "asset_kind": "CASH",
    "value_date": "2026-11-25",
    "counterparty": "BROKER-01",
    "legs": 2,
    "kind": "NEW",
    "cancels": None,
    "replaces": [public_id(INSTRUCTION, 871)],
    "settlement_type": "PAYMENT",
    "linked": None,
    "shape": {"number": 2, "of": 3, "common_reference": public_id(INSTRUCTION, 902)},
    "recalled": False,
    "cancelled_by": None,
    "links": {
        "self": f"/api/v1/settlement-instructions/{_ID}",
        "legs": f"/api/v1/settlement-instructions/{_ID}/legs",
    },
}
_LEG: dict[str, Any] = {
    "trade": {"id": public_id(TRADE, 1001), "version": 1, "source": "FO-EQ", "source_ref": "E-1001"},
    "leg": 2,
    "attempt": 2,
    "asset": "EUR",
    "direction": "DELIVER",
    "value_date": "2026-11-25",
    "quantity": "2000.00",
}

read_instruction = extend_schema(
    operation_id="read_settlement_instruction",
    tags=["settlement"],
    description=(
        "`replaces` names the cancelled instructions of which it has legs; `cancelled_by` the instruction of a later"
        " batch that cancels it, once it was `recalled`. `settlement_type` is DVP, FOP, PAYMENT or DELIVERY (of goods);"
        " of DVP `linked` is the other instruction of the pair. `shape` says which one it is of how many that a net"
        " over the maximum size of an instruction was sealed as, and the first of these; else it is null."
    ),
    parameters=[_REFERENCE, *AXES],
    examples=[example("A net that replaces another", _EXAMPLE)],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "the instruction and what was said of it"),
        400: PROBLEM,
        404: PROBLEM,
    },
)
read_legs = extend_schema(
    operation_id="read_settlement_instruction_legs",
    tags=["settlement"],
    description="Of an instruction that cancels another, the legs of that one.",
    parameters=[_REFERENCE, _CURSOR, _LIMIT],
    examples=[example("One leg", {"items": [_LEG], "next": None})],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "every gross leg in it, by trade and leg"),
        400: PROBLEM,
        404: PROBLEM,
    },
)
