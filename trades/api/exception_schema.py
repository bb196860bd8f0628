"""The description of the API of exceptions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.http.named import IN_QUERY as VIEW
from trades.models import Comment
from trades.selectors.exceptions import QUEUES
from trades.services.comments import MAX_COMMENT
from trades.services.desk import ACTIONS, MAX_ITEMS, MAX_ROOT_CAUSE
from trades.work_items import Move

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
TAGS = ["exceptions"]
# What API clients can do; the others are for people.
_OPEN_TO_CLIENTS = [name for name, each in ACTIONS.items() if not each.for_people]


def body_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """Return the description of a JSON body with these properties."""
    return {
        "application/json": {
            "type": "object",
            "required": required,
            "additionalProperties": False,
            "properties": properties,
        }
    }


list_exceptions = extend_schema(
    operation_id="list_exceptions",
    tags=TAGS,
    description="Why deals are held, what they risk, whose move it is, and what comes next; of the client's sources.",
    parameters=[
        OpenApiParameter("status", str, enum=["open", "closed"], description="open unless told"),
        OpenApiParameter(
            "queue",
            str,
            enum=QUEUES,
            description="as the console has them, in place of `status`: open is not snoozed",
        ),
        VIEW,
        OpenApiParameter("move", str, enum=Move.values),
        OpenApiParameter("kind", str),
        OpenApiParameter("code", str),
        OpenApiParameter("cause", str, description="exactly as in `causes` of an item"),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items and next"), 400: PROBLEM},
)
read_exception = extend_schema(
    operation_id="read_exception",
    tags=TAGS,
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the item and its comments"), 404: PROBLEM},
)
list_comments = extend_schema(
    operation_id="list_exception_comments",
    tags=TAGS,
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items, the oldest first"), 404: PROBLEM},
)
answer = extend_schema(
    operation_id="answer_exception",
    tags=TAGS,
    description="Answer a question of operations. An open item becomes their move again.",
    parameters=[IDEMPOTENCY_KEY],
    request=body_of({"text": {"type": "string", "minLength": 1, "maxLength": MAX_COMMENT}}, ["text"]),
    examples=[OpenApiExample("An answer", value={"text": "The price is right."}, request_only=True)],
    responses={
        201: OpenApiResponse(OpenApiTypes.OBJECT, "the comment"),
        **dict.fromkeys((400, 404, 413, 422), PROBLEM),
    },
)
act = extend_schema(
    operation_id="act_on_exceptions",
    tags=TAGS,
    description=f"Do one thing to up to {MAX_ITEMS:,} exceptions of the client's sources.",
    parameters=[
        IDEMPOTENCY_KEY,
        OpenApiParameter("dry_run", bool, description="the same results, and nothing is kept"),
    ],
    request=body_of(
        {
            "action": {"type": "string", "enum": _OPEN_TO_CLIENTS},
            "ids": {"type": "array", "maxItems": MAX_ITEMS, "items": {"type": "string"}},
            "reason": {"type": "string", "maxLength": 1000},
            "text": {"type": "string", "maxLength": MAX_COMMENT},
            "audience": {"type": "string", "enum": Comment.Audience.values},
            "owner": {"type": "string", "description": "a user's name"},
            "team": {"type": "string", "description": "a team's name"},
            "until": {"type": "string", "format": "date-time"},
            "root_cause": {"type": "string", "maxLength": MAX_ROOT_CAUSE},
        },
        ["action", "ids"],
    ),
    examples=[
        OpenApiExample(
            "To the checks again",
            value={"action": "re-check", "ids": ["exc_1YT"], "reason": "prices were loaded"},
            request_only=True,
        )
    ],
    responses={
        207: OpenApiResponse(OpenApiTypes.OBJECT, "one result per item, in order"),
        **dict.fromkeys((400, 413, 422), PROBLEM),
    },
)
straight_through = extend_schema(
    operation_id="read_straight_through",
    tags=TAGS,
    description="The share of trades that never had an exception. It and the losses, by check, by source and by"
    " party, each add up to 100 per cent.",
    parameters=[
        OpenApiParameter("from", OpenApiTypes.DATE, description="the first trade date; today unless told"),
        OpenApiParameter("to", OpenApiTypes.DATE, description="the last trade date; today unless told"),
    ],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "rate, counts and losses"), 400: PROBLEM},
)
