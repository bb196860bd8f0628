"""The description of the feed and of webhooks, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.http.cursor import MAX_LIMIT
from core.ids import TRADE, public_id
from feed.documents import event_cursor
from feed.services.wait import MAX_WAIT_SECONDS

_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_LIMIT = OpenApiParameter("limit", int, description=f"1 to {MAX_LIMIT}, default 100")
_EVENT: dict[str, Any] = {
    "id": 1041,
    "cursor": event_cursor(1041),
    "type": "trade.captured",
    "subject": "trade",
    "subject_id": public_id(TRADE, 1234),
    "version": 1,
    "actor": "client:front-office",
    "request_id": "0199f0c1",
    "reason": "",
    "recorded_at": "2026-11-23T14:00:00Z",
    "data": None,
}

read_events = extend_schema(
    operation_id="read_feed",
    tags=["events"],
    parameters=[
        OpenApiParameter("after", str, description="`next` of the page before, or the `cursor` of an event"),
        OpenApiParameter(
            "types", str, description="comma-separated: trade.captured, or trade.* for a family"
        ),
        OpenApiParameter(
            "wait", int, description=f"seconds to wait for an event, 0 to {MAX_WAIT_SECONDS}, default 0"
        ),
        _LIMIT,
    ],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "items and next, which is never null: it leads on to what will happen",
            examples=[
                OpenApiExample(
                    "One event", value={"items": [_EVENT], "next": event_cursor(1041), "more": False}
                )
            ],
        ),
        400: _PROBLEM,
    },
)
read_state_hash = extend_schema(
    operation_id="read_state_hash",
    tags=["events"],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "trades, sha256, and the cursor that they are as of"),
        403: _PROBLEM,
        503: _PROBLEM,
    },
)
