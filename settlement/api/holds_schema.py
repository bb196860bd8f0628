"""The description of holds in the settlement API, with examples."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from core.http.moments import IN_QUERY as AXES
from core.ids import HOLD, INSTRUCTION, PROPOSAL, TRADE, public_id
from settlement.api.describing import KEY, PROBLEM, example, object_of
from settlement.models import CHANNELS, Hold

_REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the hold, `hld_…`")
_CURSOR = OpenApiParameter("cursor", str, description="`next` of the page before")
_LIMIT = OpenApiParameter("limit", int, description="1 to 1000, default 100")
_TEXT = {"type": "string", "minLength": 1, "maxLength": 2000}
_HOLD = {
    "id": public_id(HOLD, 5),
    "kind": "COUNTERPARTY",
    "subject": "BROKER-01",
    "channel": "CASH",
    "asset": "USD",
    "reason": "Their account is frozen by a court.",
    "until": "2026-11-30",
    "made_by": "user:jdoe",
    "made_at": "2026-11-24T09:12:00Z",
    "ended_at": None,
    "ended_by": None,
    "end_reason": None,
}

list_holds = extend_schema(
    operation_id="list_settlement_holds",
    tags=["settlement"],
    description="What is kept from being sealed, the oldest first.",
    parameters=[
        _CURSOR,
        _LIMIT,
        OpenApiParameter("in_force", bool, description="false: also what has ended"),
        *AXES,
    ],
    examples=[example("One of a counterparty", {"items": [_HOLD], "next": None})],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items and next"), 400: PROBLEM},
)
make_hold = extend_schema(
    operation_id="make_settlement_hold",
    tags=["settlement"],
    description=(
        "Hold a trade (`trd_…`), an instruction (`ins_…`), or what goes to a counterparty (its code or LEI) over a"
        " channel, of one asset or all. Nothing of it is sealed until it is released or `until`, its last day, is over."
        " What is sealed and not claimed is recalled at once, and a later batch cancels it; what somebody has claimed"
        " is named in `claimed`, and can be asked for by its recall."
    ),
    parameters=[KEY],
    request={
        "application/json": object_of(
            {
                "kind": {"type": "string", "enum": list(Hold.Kind.values)},
                "subject": _TEXT,
                "channel": {"type": "string", "enum": list(CHANNELS)},
                "asset": _TEXT,
                "until": {"type": "string", "format": "date"},
                "reason": _TEXT,
            },
            ["kind", "subject", "reason"],
        )
    },
    examples=[
        example(
            "Dollars to a counterparty",
            {name: _HOLD[name] for name in ("kind", "subject", "channel", "asset", "until", "reason")},
            response=False,
        ),
        example(
            "A trade",
            {"kind": "TRADE", "subject": public_id(TRADE, 7), "reason": "The customer calls back."},
            response=False,
        ),
        example(
            "Held",
            {
                "id": public_id(HOLD, 5),
                "made_at": "2026-11-24T09:12:00Z",
                "recalled_count": 1,
                "recalled": [public_id(INSTRUCTION, 1204)],
                "claimed_count": 0,
                "claimed": [],
            },
            status="201",
        ),
    ],
    responses={
        201: OpenApiResponse(OpenApiTypes.OBJECT, "held; up to 1,000 instructions are named of each list"),
        400: PROBLEM,
        409: OpenApiResponse(OpenApiTypes.OBJECT, "held already, or nothing of it waits to be sealed"),
        422: PROBLEM,
    },
)
release_hold = extend_schema(
    operation_id="release_settlement_hold",
    tags=["settlement"],
    description=(
        "Release a hold: what it kept back is sealed with the next batch. Where the channel asks for two people,"
        " because the hold of a counterparty keeps back so much, the release is proposed (202), and a person approves"
        " it."
    ),
    parameters=[_REFERENCE, KEY],
    request={"application/json": object_of({"reason": _TEXT}, ["reason"])},
    examples=[
        example("Why", {"reason": "The court has lifted it."}, response=False),
        example("Released", {"id": public_id(HOLD, 5), "status": "RELEASED"}),
        example("Proposed", {"proposal": public_id(PROPOSAL, 12), "status": "PENDING"}, status="202"),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "released"),
        202: OpenApiResponse(OpenApiTypes.OBJECT, "two people decide on it"),
        400: PROBLEM,
        404: PROBLEM,
        409: OpenApiResponse(OpenApiTypes.OBJECT, "it has ended, or a proposal waits"),
        422: PROBLEM,
    },
)
