"""The description of changes of SSIs, with an example."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import INSTRUCTION, PROPOSAL, TRADE, public_id
from refdata.services import KINDS
from settlement.services.ssi_change import LISTED, MAX_ROWS

_TAGS = ["settlement"]
_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_FIRST = KINDS["ssis"].example
_EFFECT = {
    "trades": 1,
    "instructions": 1,
    "partial": False,
    "totals": [{"sealed": True, "asset_kind": "CASH", "asset": "EUR", "trades": 1, "quantity": "1085000.00"}],
}
_ITEM = {
    "trade": public_id(TRADE, 1234),
    "instruction": public_id(INSTRUCTION, 77),
    "asset_kind": "CASH",
    "asset": "EUR",
    "direction": "DELIVER",
    "quantity": "1085000.00",
    "value_date": "2027-01-04",
    "before": "DE89370400440532013000 DEUTDEFF",
    "after": "DE02120300000000202051 BYLADEM1",
}
_EXAMPLE: dict[str, Any] = {
    "proposal": public_id(PROPOSAL, 9),
    "state": "PENDING",
    "party": _FIRST["party"],
    "reason": "New bank from January, confirmed by phone.",
    "made_at": "2026-11-23T14:02:00Z",
    "decided_at": None,
    "decision_note": "",
    "changes": [{"before": None, "after": {**_FIRST, "valid_from": "2027-01-01"}}],
    "effect_when_proposed": _EFFECT,
    "effect": {**_EFFECT, "items": [_ITEM]},
}
_CHANGE = OpenApiResponse(
    OpenApiTypes.OBJECT,
    f"the proposal, and what it re-routes now: counts, totals by asset and the first {LISTED} legs. `sealed` ones keep"
    " the SSI they were sealed with",
    examples=[OpenApiExample("Waits for a second person", value=_EXAMPLE)],
)

propose = extend_schema(
    operation_id="propose_ssi_change",
    tags=_TAGS,
    description=(
        "Propose new or other SSIs of one party, as rows of the kind `ssis`: to end one account and to begin the"
        " next is one proposal. Nothing changes until a person approves it."
    ),
    parameters=[
        OpenApiParameter(
            "Idempotency-Key",
            str,
            OpenApiParameter.HEADER,
            required=True,
            description="unique per intended change",
        )
    ],
    request={
        "application/json": {
            "type": "object",
            "required": ["rows", "reason"],
            "properties": {
                "rows": {"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": {"type": "object"}},
                "reason": {"type": "string", "maxLength": 1000},
            },
            "additionalProperties": False,
        }
    },
    examples=[
        OpenApiExample(
            "An account for one product",
            value={
                "rows": [{**_FIRST, "product": "EQUITY"}],
                "reason": "Shares are paid from an account of their own, confirmed by phone.",
            },
            request_only=True,
        )
    ],
    responses={202: _CHANGE, 400: _PROBLEM, 403: _PROBLEM, 409: _PROBLEM, 413: _PROBLEM, 422: _PROBLEM},
)
read = extend_schema(
    operation_id="read_ssi_change",
    tags=_TAGS,
    parameters=[
        OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the proposal, `prp_…`")
    ],
    responses={200: _CHANGE, 404: _PROBLEM},
)
