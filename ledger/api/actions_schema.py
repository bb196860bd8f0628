"""How the API describes corporate actions and how books count their lots."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from ledger.services.corporate_actions import AT_ONCE, TYPES
from ledger.services.lot_policies import METHODS

TAGS = ["corporate actions"]
PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
_DECIMAL: dict[str, Any] = {"type": "string", "description": "a decimal"}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_REASON: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 1000}
_ACTION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reference": {"type": "string", "maxLength": 35, "description": "its official reference (COAF)"},
        "type": {"enum": list(TYPES), "description": "ISO 15022 CAEV: split, dividend, interest, redemption"},
        "instrument": {"type": "string", "description": "its code"},
        "ex_date": _DAY,
        "record_date": {**_DAY, "description": "left out: the ex-date"},
        "pay_date": {**_DAY, "description": "left out: the ex-date"},
        "currency": {"type": "string", "description": "of what is paid, ISO 4217"},
        "rate": {
            **_DECIMAL,
            "description": "what is paid a unit, or per cent of nominal where the instrument is priced so",
        },
        "new": {**_DECIMAL, "description": "of a split: so many units"},
        "old": {**_DECIMAL, "description": "in the place of so many"},
        "cancelled": {"type": "boolean", "default": False, "description": "the action is called off"},
    },
    "required": ["reference", "type", "instrument", "ex_date"],
    "additionalProperties": False,
}
_ACTIONS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "actions": {"type": "array", "items": _ACTION, "minItems": 1, "maxItems": AT_ONCE},
        "reason": _REASON,
    },
    "required": ["actions", "reason"],
    "additionalProperties": False,
}
ACTIONS_EXAMPLE: dict[str, Any] = {
    "actions": [
        {
            "reference": "CA-2026-0001",
            "type": "DVCA",
            "instrument": "US0378331005",
            "ex_date": "2026-11-20",
            "record_date": "2026-11-20",
            "pay_date": "2026-12-04",
            "currency": "USD",
            "rate": "0.26",
        },
        {
            "reference": "CA-2026-0002",
            "type": "SPLF",
            "instrument": "DE0007164600",
            "ex_date": "2026-12-01",
            "new": "3",
            "old": "1",
        },
    ],
    "reason": "As the issuers have published.",
}
_POLICY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "book": {"type": "string", "description": "its code"},
        "method": {"enum": list(METHODS), "description": "which lot a closing uses up first"},
        "opens_short": {
            "type": "boolean",
            "description": "what is sold beyond what is held opens a short; else it is refused, and work for somebody",
        },
        "with_fees": {
            "type": "boolean",
            "default": False,
            "description": "fees are part of what a lot costs",
        },
        "valid_from": {**_DAY, "description": "the first trade date; it may have passed"},
        "reason": _REASON,
    },
    "required": ["book", "method", "opens_short", "valid_from", "reason"],
    "additionalProperties": False,
}
POLICY_EXAMPLE: dict[str, Any] = {
    "book": "EQ-US",
    "method": "AVERAGE",
    "opens_short": False,
    "valid_from": "2026-12-01",
    "reason": "As agreed with the auditor.",
}


def _proposing(operation: str, body: dict[str, Any], title: str, example: dict[str, Any], told: str) -> Any:
    return extend_schema(
        operation_id=operation,
        tags=TAGS,
        parameters=[_KEY],
        request={"application/json": body},
        examples=[OpenApiExample(title, value=example, request_only=True)],
        responses={
            202: OpenApiResponse(OpenApiTypes.OBJECT, told),
            400: PROBLEM,
            409: PROBLEM,
            413: PROBLEM,
            422: PROBLEM,
        },
    )


list_actions = extend_schema(
    operation_id="list_corporate_actions",
    tags=TAGS,
    parameters=[
        OpenApiParameter("instrument", str, description="only of this one, by its code"),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "items: each action as its newest version says"),
        400: PROBLEM,
    },
)
propose_actions = _proposing(
    "propose_corporate_actions",
    _ACTIONS,
    "A dividend and a split",
    ACTIONS_EXAMPLE,
    "the proposals, each of which a person must approve",
)
propose_policy = _proposing(
    "propose_lot_policy",
    _POLICY,
    "An average from a day on",
    POLICY_EXAMPLE,
    "the proposal, which a person must approve",
)
