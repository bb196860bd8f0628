"""The description of claims in the settlement API, with examples."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import BATCH, CLAIM, INSTRUCTION, public_id
from settlement.api.describing import KEY, PROBLEM, REFERENCE, example, object_of
from settlement.channel_codes import channel_codes
from settlement.services.claim import MAX_LEASE_SECONDS, MIN_LEASE_SECONDS

_CLAIM_REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the claim, `clm_…`")
_LEASE = {
    "lease_seconds": {
        "type": "integer",
        "minimum": MIN_LEASE_SECONDS,
        "maximum": MAX_LEASE_SECONDS,
        "default": 300,
    }
}
_CLAIM_EXAMPLE = {
    "id": public_id(CLAIM, 7),
    "batch": public_id(BATCH, 41),
    "client": "back-office",
    "claimed_at": "2026-11-24T18:01:00Z",
    "expires_at": "2026-11-24T18:06:00Z",
    "ended_at": None,
    "open": True,
}
# A consumer learns with the claim what of the batch is recalled by then.
_CLAIMED_SAYS = (
    "claimed; `recalled`: instructions of the batch that must not be done any more, which a later batch cancels, the"
    " first 1,000 of `recalled_count`: the batch's statuses name all"
)
_CLAIMED = {**_CLAIM_EXAMPLE, "recalled": [public_id(INSTRUCTION, 1204)], "recalled_count": 1}
list_claims = extend_schema(
    operation_id="list_settlement_claims",
    tags=["settlement"],
    parameters=[REFERENCE],
    examples=[example("Who has it", {"items": [_CLAIM_EXAMPLE], "next": None})],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the latest claim first"), 404: PROBLEM},
)
claim = extend_schema(
    operation_id="claim_settlement_batch",
    tags=["settlement"],
    parameters=[REFERENCE, KEY],
    request={
        "application/json": object_of(
            _LEASE,
            [],
        )
    },
    examples=[
        example("Five minutes", {"lease_seconds": 300}, response=False),
        example("Claimed", _CLAIMED, status="201"),
    ],
    responses={
        201: OpenApiResponse(OpenApiTypes.OBJECT, _CLAIMED_SAYS),
        200: OpenApiResponse(OpenApiTypes.OBJECT, "the client's own claim, extended"),
        400: PROBLEM,
        404: PROBLEM,
        409: OpenApiResponse(OpenApiTypes.OBJECT, "another client holds it; Retry-After says how long"),
        422: PROBLEM,
    },
)
release = extend_schema(
    operation_id="release_settlement_batch",
    tags=["settlement"],
    parameters=[REFERENCE, KEY],
    request=None,
    examples=[example("Given back", {"released": True})],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "whether there was a claim to give back"),
        404: PROBLEM,
    },
)
own_claims = extend_schema(
    operation_id="list_own_settlement_claims",
    tags=["settlement"],
    description="What the client holds now: after a crash, what it goes on with.",
    examples=[example("One batch", {"items": [_CLAIM_EXAMPLE], "next": None})],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the client's open claims, the first batch first")},
)
claim_next = extend_schema(
    operation_id="claim_next_settlement_batch",
    tags=["settlement"],
    description=(
        "The channel's first batch that is not answered in full and that nobody holds. Of several consumers no two get"
        " the same; one whose claim has run out is given to the next."
    ),
    parameters=[KEY],
    request={
        "application/json": object_of(
            {"channel": {"type": "string", "enum": list(channel_codes())}, **_LEASE}, ["channel"]
        )
    },
    examples=[
        example("Five minutes", {"channel": "CASH", "lease_seconds": 300}, response=False),
        example("Claimed", _CLAIMED, status="201"),
    ],
    responses={
        201: OpenApiResponse(OpenApiTypes.OBJECT, _CLAIMED_SAYS),
        400: PROBLEM,
        404: OpenApiResponse(OpenApiTypes.OBJECT, "no batch waits; Retry-After says when to ask again"),
        422: PROBLEM,
    },
)
extend_claim = extend_schema(
    operation_id="extend_settlement_claim",
    tags=["settlement"],
    description="From now on; a claim is never made shorter. One that has ended is not begun anew.",
    parameters=[_CLAIM_REFERENCE, KEY],
    request={"application/json": object_of(_LEASE, [])},
    examples=[
        example("Five minutes more", {"lease_seconds": 300}, response=False),
        example("Extended", _CLAIMED),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "the claim with its new end"),
        400: PROBLEM,
        404: PROBLEM,
        409: OpenApiResponse(OpenApiTypes.OBJECT, "the claim has ended: others may have the batch by now"),
        422: PROBLEM,
    },
)
