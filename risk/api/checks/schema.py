"""The description of the API of checks, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.http.cursor import MAX_LIMIT
from core.ids import PROPOSAL, TRADE, public_id
from risk.services.back_test import DAYS_MAX, DEFAULT_DAYS, KEPT_MAX

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

_REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the back-test, `bkt_…`")
_FIGURES = (
    "state, progress from 0 to 1, before, after, and result: counts, amounts and the straight-through rate"
)
start_back_test = extend_schema(
    operation_id="start_back_test",
    tags=_TAGS,
    parameters=[_KEY],
    request={
        "application/json": {
            "type": "object",
            "properties": {
                "proposal": {
                    "type": "string",
                    "description": "the proposal to try, `prp_…`; instead of all else",
                },
                "check": {"type": "string"},
                **DRAFT,
                "days": {"type": "integer", "minimum": 1, "maximum": DAYS_MAX, "default": DEFAULT_DAYS},
            },
            "additionalProperties": False,
        }
    },
    examples=[
        OpenApiExample(
            "A tighter tolerance",
            value={"check": "OFF_MARKET_PRICE", "parameters": {"tolerance": "0.05"}, "days": 30},
            request_only=True,
        )
    ],
    responses={
        202: OpenApiResponse(OpenApiTypes.OBJECT, f"the back-test, and where to read it: {_FIGURES}"),
        400: _PROBLEM,
        404: _PROBLEM,
        409: _PROBLEM,
        422: _PROBLEM,
    },
)
read_back_test = extend_schema(
    operation_id="read_back_test",
    tags=_TAGS,
    parameters=[_REFERENCE],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, _FIGURES), 404: _PROBLEM},
)
list_back_test_trades = extend_schema(
    operation_id="list_back_test_trades",
    tags=_TAGS,
    parameters=[
        _REFERENCE,
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description=f"1 to {MAX_LIMIT}, default 100"),
    ],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            f"items: up to {KEPT_MAX:,} trades of another outcome in the order of capture; next",
            examples=[
                OpenApiExample(
                    "One trade",
                    value={
                        "items": [
                            {
                                "trade": public_id(TRADE, 1234),
                                "version": 1,
                                "before": "PASS",
                                "after": "BLOCK",
                                "message": "The price 200 is off the market: the close was 187 of 2026-11-23.",
                                "base_amount": "18400.00",
                            }
                        ],
                        "next": None,
                    },
                )
            ],
        ),
        400: _PROBLEM,
        403: _PROBLEM,
        404: _PROBLEM,
    },
)
cancel_back_test = extend_schema(
    operation_id="cancel_back_test",
    tags=_TAGS,
    parameters=[_REFERENCE, _KEY],
    request=None,
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, f"the back-test as it ended: {_FIGURES}"),
        404: _PROBLEM,
        409: _PROBLEM,
    },
)
