"""The description of attestations in the settlement API, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from settlement.api.describing import KEY, PROBLEM, example, object_of
from settlement.channel_codes import channel_codes
from settlement.services.attest import MEASURES

_DAY = OpenApiParameter(
    "day", OpenApiTypes.DATE, OpenApiParameter.PATH, description="a day in UTC, once it is over"
)
_COUNTS = {"sealed": 120, "claimed": 120, "accepted": 117, "rejected": 3, "settled": 64, "open": 53}
_EXAMPLE: dict[str, Any] = {
    "statement": {
        "format": 1,
        "date": "2026-11-24",
        "channels": {
            "CASH": {
                **_COUNTS,
                "last_sequence": 17,
                "last_manifest": "bf07a7fbb825fc0aae7bf4a1177b2b31fcf8a3feeaf7092761e18c859ee52a9c",
            }
        },
    },
    "key_id": "9c1185a5c5e9fc54",
    "signature": "4vRnE1p1yVJmJrj9dF1qk2Hkq0kqyEwX3v8o7mB1nJb3w1oZl0mYH0eDq3m5nqf1oVQ4r1m2m7sTzYpQJwYyDg==",
}
_OVER = OpenApiResponse(OpenApiTypes.OBJECT, "the day is not over yet")

read_attestation = extend_schema(
    operation_id="read_settlement_attestation",
    tags=["settlement"],
    description=(
        "Counts of instructions, by channel: sealed, claimed, accepted, rejected and settled on the day, and open at"
        " its end, which is claimed and neither rejected, settled nor recalled. What nets to nothing, and a"
        " cancellation, is settled once it is accepted. The same to the byte at each question; the signature is of the"
        " statement as JSON with sorted keys and without spaces."
    ),
    parameters=[_DAY],
    examples=[example("A day", _EXAMPLE)],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the signed statement"), 404: PROBLEM, 409: _OVER},
)
compare = extend_schema(
    operation_id="compare_settlement_attestation",
    tags=["settlement"],
    description=(
        "The client's own counts of the day. Each difference is a break that operations see until later counts agree."
    ),
    parameters=[_DAY, KEY],
    request={
        "application/json": object_of(
            {
                "channels": object_of(
                    dict.fromkeys(
                        channel_codes(),
                        object_of(
                            {name: {"type": "integer", "minimum": 0} for name in MEASURES}, list(MEASURES)
                        ),
                    ),
                    [],
                )
            },
            ["channels"],
        )
    },
    examples=[
        example("One channel", {"channels": {"CASH": _COUNTS}}, response=False),
        example(
            "One break",
            {
                "date": "2026-11-24",
                "equal": False,
                "breaks": [{"channel": "CASH", "measure": "settled", "ours": 64, "theirs": 63}],
            },
        ),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "whether both sides agree, and where they do not"),
        400: PROBLEM,
        404: PROBLEM,
        409: _OVER,
    },
)
