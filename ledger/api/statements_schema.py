"""The description of statements in the API, with an example of each kind."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import STATEMENT, public_id
from ledger.kinds import KINDS

TAGS = ["reconciliation"]
PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
CURSOR = OpenApiParameter("cursor", str, description="as `next` gave it")
LIMIT = OpenApiParameter("limit", int, description="items of a page, 1 to 1000")
EXAMPLE: dict[str, Any] = {
    "id": public_id(STATEMENT, 12),
    "kind": "CASH",
    "source": "HOUSE-BANK",
    "business_date": "2026-11-23",
    "revision": 1,
    "in_force": True,
    "format": "CAMT_053",
    "file_name": "",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "lines": 1,
    "balances": [
        {
            "account": "DE89370400440532013000",
            "currency": "EUR",
            "opening": "1085000",
            "entries": "-1085000",
            "closing": "0",
        }
    ],
    "received_at": "2026-11-23T18:02:00Z",
    "received_by": "client:house-bank",
}
_ABOUT = [
    OpenApiParameter("kind", str, required=True, enum=list(KINDS), description="what it lists"),
    OpenApiParameter(
        "source",
        str,
        required=True,
        description="who says so: a front office's source, a bank, a back office",
    ),
    OpenApiParameter("business_date", str, description="the day it is of; camt.053 says it itself"),
    OpenApiParameter(
        "revision",
        int,
        description="1 for the first file of the day; left out: the next one. The highest counts",
    ),
    OpenApiParameter("dry_run", bool, description="true: read it and name its faults, store nothing"),
]

send = extend_schema(
    operation_id="send_statement",
    tags=TAGS,
    description=(
        "Send a statement or list: CSV with a head, JSON with `lines`, or, of cash, camt.053. It is taken whole or not"
        " at all; every fault names its line and field. Opening balance and entries must make the closing balance. The"
        " same file of a day twice adds nothing, a corrected one is the next revision. Reconciliations of its kind and"
        " source run with it."
    ),
    parameters=[*_ABOUT, KEY],
    request={
        "application/json": {
            "type": "object",
            "required": ["lines"],
            "properties": {
                "lines": {"type": "array", "items": {"type": "object"}},
                "balances": {"type": "array", "items": {"type": "object"}},
            },
        },
        "text/csv": OpenApiTypes.STR,
        "application/xml": OpenApiTypes.STR,
    },
    examples=[
        OpenApiExample(f"{kind.code}: {kind.title}", value={"lines": [dict(kind.example)]}, request_only=True)
        for kind in KINDS.values()
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "it was stored before, or this was a dry run"),
        201: OpenApiResponse(
            OpenApiTypes.OBJECT, "stored", examples=[OpenApiExample("Stored", value=EXAMPLE)]
        ),
        400: PROBLEM,
        403: PROBLEM,
        409: PROBLEM,
        413: PROBLEM,
        415: PROBLEM,
        422: PROBLEM,
    },
)
list_all = extend_schema(
    operation_id="list_statements",
    tags=TAGS,
    parameters=[
        OpenApiParameter("kind", str, enum=list(KINDS)),
        OpenApiParameter("source", str),
        CURSOR,
        LIMIT,
    ],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "statements, the last that came first")},
)
read = extend_schema(
    operation_id="read_statement",
    tags=TAGS,
    parameters=[
        OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the statement, `stm_…`")
    ],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the statement without its lines"), 404: PROBLEM},
)
