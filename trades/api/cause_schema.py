"""The description of the API of causes."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from trades.api.exception_schema import IDEMPOTENCY_KEY, PROBLEM, TAGS, body_of
from trades.selectors.desk import MAX_GROUPS
from trades.selectors.exceptions import COUNT_CAP
from trades.services.desk import MAX_ITEMS
from trades.work_items import MAX_CAUSE

_CAUSE = OpenApiExample(
    "One missing account holds 214 deals",
    value={
        "items": [
            {
                "cause": "SSI_MISSING ISLANDSB cash SEK",
                "count": 214,
                "count_alone": 209,
                "count_unowned": 180,
                "amount_at_risk": "48211903.20",
                "currency": "EUR",
                "deadline": "2026-11-23T15:00:00Z",
                "opened_at": "2026-11-23T08:14:02Z",
                "moves": ["REFERENCE_DATA"],
                "waits_for": ["ssis"],
            }
        ]
    },
    response_only=True,
)

list_causes = extend_schema(
    operation_id="list_exception_causes",
    tags=TAGS,
    description=f"What open exceptions of the client's sources wait for: up to {MAX_GROUPS} causes, the commonest"
    " first. An exception with several causes counts in each; `count_alone` are those that nothing else holds."
    " `waits_for` names the kinds of reference data whose change releases them by itself. Money is in the base"
    f" currency. Looks at the {COUNT_CAP:,} most urgent exceptions; `cause` narrows the list of exceptions to"
    " those of one.",
    examples=[_CAUSE],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items")},
)
release = extend_schema(
    operation_id="release_exception_cause",
    tags=TAGS,
    description=f"Send what one cause holds to the checks again, the {MAX_ITEMS:,} most urgent at once. What still"
    " fails is held again as it was. `more` says that there were more: ask again under another key. What"
    " reference data ends is released by itself when these change.",
    parameters=[
        IDEMPOTENCY_KEY,
        OpenApiParameter("dry_run", bool, description="the same results, and nothing is kept"),
    ],
    request=body_of(
        {
            "cause": {
                "type": "string",
                "maxLength": MAX_CAUSE,
                "description": "exactly as in the list of causes",
            },
            "reason": {"type": "string", "maxLength": 1000},
        },
        ["cause", "reason"],
    ),
    examples=[
        OpenApiExample(
            "The account is there now",
            value={"cause": "SSI_MISSING ISLANDSB cash SEK", "reason": "the account was confirmed"},
            request_only=True,
        )
    ],
    responses={
        207: OpenApiResponse(OpenApiTypes.OBJECT, "counts, one result per exception, and more"),
        **dict.fromkeys((400, 413, 422), PROBLEM),
    },
)
