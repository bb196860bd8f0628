"""The description of the feed and of webhooks, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.http.cursor import MAX_LIMIT
from core.ids import DELIVERY, EVENT, TRADE, WEBHOOK, public_id
from feed.documents import event_cursor
from feed.models import Delivery
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
            "items and next, which is never null: it leads on to what will happen; more: whether there is more"
            " already; complete_up_to: the event id up to which nothing will be added any more",
            examples=[
                OpenApiExample(
                    "One event",
                    value={
                        "items": [_EVENT],
                        "next": event_cursor(1041),
                        "more": False,
                        "complete_up_to": 1041,
                    },
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
        200: OpenApiResponse(OpenApiTypes.OBJECT, "trades, sha256, and the event that they are as of"),
        403: _PROBLEM,
        503: _PROBLEM,
    },
)

_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="the ETag of the webhook as it was seen",
)
_CURSOR = OpenApiParameter("cursor", str, description="`next` of the page before")
_REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the webhook, `whk_…`")
_TAGS = ["webhooks"]
_WEBHOOK: dict[str, Any] = {
    "id": public_id(WEBHOOK, 3),
    "url": "https://listener.example/events",
    "types": ["trade.*"],
    "active": True,
    "stopped_because": "",
    "revision": 1,
    "created_at": "2026-11-23T14:00:00Z",
    "cursor": event_cursor(1041),
    "overlap_until": None,
}
_WITH_SECRET = {**_WEBHOOK, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    document: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"application/json": {**document, "required": required} if required else document}


_URL = {"type": "string", "format": "uri", "maxLength": 2000}
_TYPES = {"type": "array", "items": {"type": "string"}, "maxItems": 50}

list_webhooks = extend_schema(
    operation_id="list_webhooks",
    tags=_TAGS,
    parameters=[_CURSOR, _LIMIT],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items and next"), 400: _PROBLEM},
)
create_webhook = extend_schema(
    operation_id="create_webhook",
    tags=_TAGS,
    parameters=[_KEY],
    request=_body({"url": _URL, "types": _TYPES, "after": {"type": "string"}}, ["url"]),
    examples=[
        OpenApiExample(
            "Every event of trades, from now on",
            value={"url": "https://listener.example/events", "types": ["trade.*"]},
            request_only=True,
        ),
        OpenApiExample("The webhook and its secret", value=_WITH_SECRET, response_only=True),
    ],
    responses={
        201: OpenApiResponse(OpenApiTypes.OBJECT, "the webhook; its secret is shown this once"),
        400: _PROBLEM,
        409: _PROBLEM,
    },
)
read_webhook = extend_schema(
    operation_id="read_webhook",
    tags=_TAGS,
    parameters=[_REFERENCE],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the webhook"), 404: _PROBLEM},
)
change_webhook = extend_schema(
    operation_id="change_webhook",
    tags=_TAGS,
    parameters=[_REFERENCE, _KEY, _IF_MATCH],
    request=_body({"url": _URL, "types": _TYPES, "active": {"type": "boolean"}}, []),
    examples=[OpenApiExample("Turn it off", value={"active": False}, request_only=True)],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "the webhook"),
        400: _PROBLEM,
        404: _PROBLEM,
        412: _PROBLEM,
        428: _PROBLEM,
    },
)
rotate_secret = extend_schema(
    operation_id="rotate_webhook_secret",
    tags=_TAGS,
    parameters=[_REFERENCE, _KEY],
    request=_body({"overlap_seconds": {"type": "integer", "minimum": 0, "maximum": 604_800}}, []),
    examples=[OpenApiExample("Both sign for an hour", value={"overlap_seconds": 3600}, request_only=True)],
    responses={201: OpenApiResponse(OpenApiTypes.OBJECT, "the webhook with its new secret"), 404: _PROBLEM},
)
list_deliveries = extend_schema(
    operation_id="list_webhook_deliveries",
    tags=_TAGS,
    parameters=[_REFERENCE, OpenApiParameter("state", str, enum=Delivery.State.values), _CURSOR, _LIMIT],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "deliveries with their attempts, the newest first",
            examples=[
                OpenApiExample(
                    "Delivered at once",
                    value={
                        "items": [
                            {
                                "id": public_id(DELIVERY, 12),
                                "event_id": 1041,
                                "message_id": public_id(EVENT, 1041),
                                "state": "DELIVERED",
                                "attempts": 1,
                                "next_at": None,
                                "finished_at": "2026-11-23T14:00:02Z",
                                "log": [
                                    {
                                        "at": "2026-11-23T14:00:02Z",
                                        "status": 200,
                                        "latency_ms": 34,
                                        "excerpt": "ok",
                                        "error": "",
                                    }
                                ],
                            }
                        ],
                        "next": None,
                    },
                )
            ],
        ),
        404: _PROBLEM,
    },
)
replay = extend_schema(
    operation_id="replay_webhook",
    tags=_TAGS,
    parameters=[_REFERENCE, _KEY],
    request=_body(
        {
            "delivery": {"type": "string"},
            "after": {"type": "string"},
            "until": {"type": "string"},
            "reason": {"type": "string", "maxLength": 500},
        },
        ["reason"],
    ),
    examples=[
        OpenApiExample(
            "A range of events",
            value={"after": event_cursor(1000), "until": event_cursor(1041), "reason": "lost in an outage"},
            request_only=True,
        ),
    ],
    responses={
        202: OpenApiResponse(OpenApiTypes.OBJECT, "how many deliveries wait again"),
        400: _PROBLEM,
        404: _PROBLEM,
        422: _PROBLEM,
    },
)
