"""The description of the API of checks, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import PROPOSAL, public_id

_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_TAGS = ["checks"]
_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
_CODE = OpenApiParameter("code", str, OpenApiParameter.PATH, description="the check, `OFF_MARKET_PRICE`")
DRAFT: dict[str, Any] = {
    "active": {"type": "boolean"},
    "severity": {"enum": ["BLOCK", "WARN", "INFO"]},
    "parameters": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "decimal numbers as text, by name; those left out stay",
    },
    "scope": {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
        "description": "members by dimension: the check looks only at trades of all of them; {}: at every trade",
    },
}
_BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        **DRAFT,
        "valid_from": {
            "type": "string",
            "format": "date",
            "description": "left out: the day of the approval",
        },
        "reason": {"type": "string", "minLength": 1, "maxLength": 1000},
    },
    "required": ["reason"],
    "additionalProperties": False,
}

list_checks = extend_schema(
    operation_id="list_checks",
    tags=_TAGS,
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "items: every check as it is set now; next is null")
    },
)
read_check = extend_schema(
    operation_id="read_check",
    tags=_TAGS,
    parameters=[_CODE],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "the check, its texts, what its parameters may be, and its versions, newest first",
        ),
        404: _PROBLEM,
    },
)
propose_parameters = extend_schema(
    operation_id="propose_parameters",
    tags=_TAGS,
    parameters=[_CODE, _KEY],
    request={"application/json": _BODY},
    examples=[
        OpenApiExample(
            "A tighter tolerance for equities, from December on",
            value={
                "parameters": {"tolerance": "0.05"},
                "scope": {"product": ["EQUITY"]},
                "valid_from": "2026-12-01",
                "reason": "Volatility has fallen; agreed with the desk.",
            },
            request_only=True,
        )
    ],
    responses={
        202: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "the proposal, which a person must approve",
            examples=[
                OpenApiExample(
                    "Proposed",
                    value={
                        "proposal": public_id(PROPOSAL, 7),
                        "check": "OFF_MARKET_PRICE",
                        "state": "PENDING",
                    },
                )
            ],
        ),
        400: _PROBLEM,
        404: _PROBLEM,
        409: _PROBLEM,
        422: _PROBLEM,
    },
)
