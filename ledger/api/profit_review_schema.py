"""How the API's description tells of adjustments of profit and of sign-offs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import PROPOSAL, public_id

_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_DAY = {"type": "string", "format": "date"}
EXAMPLE: dict[str, Any] = {
    "book": "EQ-US",
    "currency": "USD",
    "amount": "-1250.00",
    "valid_from": "2026-11-23",
    "reverses_on": "2026-12-01",
    "reason": "The vendor prices this share off its market until the listing has moved.",
}
_ADJUSTMENT = {
    **EXAMPLE,
    "instrument": None,
    "proposal": public_id(PROPOSAL, 1),
    "proposed_by": "ann",
    "approved_by": "bob",
    "approved_at": "2026-11-23T17:55:00Z",
}
_BOOK = {
    "book": "EQ-US",
    "total": "-480.00",
    "open_flags": 0,
    "signed": {
        "run": 1,
        "total": "64.45",
        "signed_at": "2026-11-23T18:20:00Z",
        "prepared_by": "ann",
        "signed_by": "bob",
    },
    "difference": "-544.45",
    "pending": None,
}
_BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "book": {"type": "string", "description": "its code"},
        "instrument": {"type": "string", "description": "its code; left out: of none"},
        "currency": {"type": "string", "description": "ISO 4217"},
        "amount": {"type": "string", "description": "a decimal; below zero takes profit away"},
        "valid_from": {**_DAY, "description": "the first day that has it"},
        "reverses_on": {**_DAY, "description": "the day on which it reverses itself, 366 days later at most"},
        "reason": {"type": "string", "maxLength": 1000},
    },
    "required": ["book", "currency", "amount", "valid_from", "reverses_on", "reason"],
    "additionalProperties": False,
}


def _answer(text: str, name: str, value: Any) -> dict[int, OpenApiResponse]:
    told = OpenApiResponse(OpenApiTypes.OBJECT, text, examples=[OpenApiExample(name, value=value)])
    return {200: told, 400: _PROBLEM, 404: _PROBLEM}


list_adjustments = extend_schema(
    operation_id="list_profit_adjustments",
    tags=["profit"],
    parameters=[
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    responses=_answer(
        "items: what two people added to a book, the latest first",
        "One",
        {"items": [_ADJUSTMENT], "next": None},
    ),
)
propose_adjustment = extend_schema(
    operation_id="propose_profit_adjustment",
    tags=["profit"],
    parameters=[
        OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="1 to 255 characters")
    ],
    request={"application/json": _BODY},
    examples=[OpenApiExample("Until a listing has moved", value=EXAMPLE, request_only=True)],
    responses={
        202: OpenApiResponse(OpenApiTypes.OBJECT, "the proposal, which a person must approve"),
        400: _PROBLEM,
        409: _PROBLEM,
        413: _PROBLEM,
        422: _PROBLEM,
    },
)
list_sign_offs = extend_schema(
    operation_id="list_profit_sign_offs",
    tags=["profit"],
    parameters=[
        OpenApiParameter("run", int, description="the number of the run; default: the latest of the day"),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 1000"),
    ],
    responses=_answer(
        "items: by book. signed: the latest signed run of the day, up to this one; difference: what this run says"
        " beyond it, so that a restatement stands beside what was signed",
        "A book whose day was told again",
        {
            "date": "2026-11-23", "run": 2, "kind": "CLOSE", "as_at": "2026-11-24T09:05:00Z", "against": "2026-11-20",
            "base_currency": "EUR", "reason": "A trade came late.", "flags": 0, "open_flags": 0,
            "opening_restated": False, "signed_off_at": None, "items": [_BOOK], "next": None,
        },
    ),
)  # fmt: skip
