"""The description of the API of limits, reservations and stops, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.http.cursor import MAX_LIMIT
from core.ids import PROPOSAL, RESERVATION, public_id
from risk.services.reservations import MAX_CHECKED, MAX_SECONDS, MIN_SECONDS
from trades.products import PRODUCTS

_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
_CURSOR = OpenApiParameter("cursor", str, description="`next` of the page before")
_LIMIT = OpenApiParameter("limit", int, description=f"1 to {MAX_LIMIT}, default 100")
_DEAL = PRODUCTS["EQUITY"].example
_LINE: dict[str, Any] = {
    "limit": "CPTY", "key": "HUDSONPI", "measure": "GROSS_EXPOSURE", "status": "WITHIN", "size": "17227",
    "used": "1250000", "reserved": "0", "after": "1267227", "warn": "4000000", "hard": "5000000",
    "headroom": "3732773",
}  # fmt: skip
_TERMS: dict[str, Any] = {
    "code": "GROUP", "name": "Exposure to a group", "measure": "GROSS_EXPOSURE", "dimensions": ["party_group"],
    "members": [], "currency": "USD", "warn": "40000000", "hard": "50000000", "valid_from": "2026-11-24",
    "valid_to": None, "approver_role": "risk", "excess_max": "5000000", "excess_hours": 24,
    "reason": "decided by the board",
}  # fmt: skip


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "application/json": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
    }


_TEXT = {"type": "string", "minLength": 1}
_NULLABLE = {"type": ["string", "null"]}
_TRADE = {"type": "object", "description": "a trade as POST /trades takes it"}


def _example(title: str, value: Any, *, answer: bool = False) -> OpenApiExample:
    return OpenApiExample(title, value=value, response_only=answer, request_only=not answer)


check_limits = extend_schema(
    operation_id="check_limits",
    tags=["limits"],
    request=_object({"items": {"type": "array", "items": _TRADE, "maxItems": MAX_CHECKED}}, ["items"]),
    examples=[_example("One deal", {"items": [_DEAL]})],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "for each deal the limits it would use, counted with the deals before it; money in base currency",
            examples=[
                _example(
                    "Within", {"items": [{"index": 0, "status": "WITHIN", "limits": [_LINE]}]}, answer=True
                )
            ],
        ),
        400: _PROBLEM,
        403: _PROBLEM,
    },
)
_SECONDS = {"type": "integer", "minimum": MIN_SECONDS, "maximum": MAX_SECONDS, "default": 600}
reserve = extend_schema(
    operation_id="reserve",
    tags=["limits"],
    parameters=[_KEY],
    request=_object({"trade": _TRADE, "seconds": _SECONDS}, ["trade"]),
    examples=[_example("Five minutes", {"trade": _DEAL, "seconds": 300})],
    responses={
        201: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "held; the trade draws it that names its id as `reservation`",
            examples=[
                _example(
                    "Held",
                    {
                        "id": public_id(RESERVATION, 7),
                        "status": "HELD",
                        "expires_at": "2026-11-23T14:05:00Z",
                        "limits": [_LINE],
                    },
                    answer=True,
                )
            ],
        ),
        400: _PROBLEM,
        403: _PROBLEM,
        409: OpenApiResponse(OpenApiTypes.OBJECT, "limit-exceeded, with an error for each limit"),
        422: _PROBLEM,
    },
)
read_reservation = extend_schema(
    operation_id="read_reservation",
    tags=["limits"],
    responses={200: OpenApiTypes.OBJECT, 404: _PROBLEM},
)
release_reservation = extend_schema(
    operation_id="release_reservation",
    tags=["limits"],
    parameters=[_KEY],
    request=None,
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "whether it still held anything"),
        400: _PROBLEM,
        404: _PROBLEM,
        409: _PROBLEM,
        422: _PROBLEM,
    },
)
list_limits = extend_schema(
    operation_id="list_limits",
    tags=["limits"],
    parameters=[_CURSOR, _LIMIT],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items and next"), 400: _PROBLEM},
)
_PROPOSED = OpenApiResponse(
    OpenApiTypes.OBJECT,
    "two people decide on it",
    examples=[_example("Proposed", {"proposal": public_id(PROPOSAL, 12), "status": "PENDING"}, answer=True)],
)
propose_limit = extend_schema(
    operation_id="propose_limit",
    tags=["limits"],
    parameters=[_KEY],
    request=_object(
        {
            **dict.fromkeys(("code", "name", "measure", "hard", "valid_from", "reason"), _TEXT),
            **dict.fromkeys(
                ("currency", "warn", "floor", "valid_to", "approver_role", "excess_max"), _NULLABLE
            ),
            **{key: {"type": "array", "items": {"type": "string"}} for key in ("dimensions", "members")},
            "excess_hours": {"type": ["integer", "null"]},
        },
        ["code", "name", "measure", "dimensions", "hard", "valid_from", "reason"],
    ),
    examples=[_example("A limit on each group", _TERMS)],
    responses={202: _PROPOSED, 400: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
)
propose_excess = extend_schema(
    operation_id="propose_temporary_excess",
    tags=["limits"],
    parameters=[_KEY],
    request=_object(
        {"key": _TEXT, "amount": _TEXT, "hours": {"type": "integer"}, "reason": _TEXT},
        ["key", "amount", "hours", "reason"],
    ),
    examples=[
        _example(
            "Four hours", {"key": "HUDSONPI", "amount": "1000000", "hours": 4, "reason": "a large order"}
        )
    ],
    responses={202: _PROPOSED, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
)
list_stops = extend_schema(
    operation_id="list_stops",
    tags=["stops"],
    parameters=[_CURSOR, _LIMIT, OpenApiParameter("in_force", bool, description="false: lifted ones too")],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items and next"), 400: _PROBLEM},
)
make_stop = extend_schema(
    operation_id="make_stop",
    tags=["stops"],
    parameters=[_KEY],
    request=_object(dict.fromkeys(("kind", "key", "reason"), _TEXT), ["kind", "key", "reason"]),
    examples=[_example("A trader", {"kind": "TRADER", "key": "jdoe", "reason": "orders nobody gave"})],
    responses={201: OpenApiTypes.OBJECT, 400: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
)
propose_lift = extend_schema(
    operation_id="propose_lift",
    tags=["stops"],
    parameters=[_KEY],
    request=_object({"reason": _TEXT}, ["reason"]),
    examples=[_example("It was fixed", {"reason": "the system was repaired"})],
    responses={202: _PROPOSED, 400: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
)
