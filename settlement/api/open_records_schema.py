"""The description of open records in the settlement API, with examples."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import INSTRUCTION, STATUS_REPORT, TRADE, public_id
from settlement.api.describing import PROBLEM
from settlement.models import CHANNELS
from settlement.moves.base import Mover
from settlement.moves.table import RULES
from settlement.open_records import AGES, MOST

_FILTERS = [
    OpenApiParameter("mover", str, enum=[each.name for each in Mover], description="who must act"),
    OpenApiParameter("rule", str, enum=list(RULES), description="one row of the table of moves"),
    OpenApiParameter("age", str, enum=list(AGES), description="how long ago the move began"),
    OpenApiParameter("channel", str, enum=list(CHANNELS)),
    OpenApiParameter("party", str, description="the code of a counterparty"),
    OpenApiParameter("book", str, description="the code of a book"),
    OpenApiParameter("value_date", OpenApiTypes.DATE),
    OpenApiParameter("asset", str, description="a currency, ISIN or SKU"),
]
_TOO_BROAD = OpenApiResponse(OpenApiTypes.OBJECT, "the filter looks through too many records: narrow it")
_RECORD = {
    "record": "INSTRUCTION",
    "reference": public_id(INSTRUCTION, 4321),
    "trade": public_id(TRADE, 1234),
    "rule": "FAILED",
    "title": "failed to settle",
    "mover": "BACK_OFFICE",
    "who": "LACK",
    "next_action": "Settle it, or say what stands in the way.",
    "since": "2026-11-25T16:02:11Z",
    "evidence": public_id(STATUS_REPORT, 87),
    "channel": "SECURITIES",
    "party": "ISLANDSB",
    "value_date": "2026-11-25",
    "asset": "US0378331005",
    "quantity": "500",
}
_COUNT = {
    "rule": "UNCLAIMED",
    "title": "sealed, and claimed by nobody yet",
    "mover": "BACK_OFFICE",
    "count": 118,
    "capped": False,
    "ages": {"under-1h": 118, "1h-1d": 0, "1d-3d": 0, "3d-7d": 0, "over-7d": 0},
    "money": {"EUR": "182000.50", "USD": "912345.10"},
}

list_open_records = extend_schema(
    operation_id="list_open_records",
    tags=["settlement"],
    description=(
        "Every unfinished record with who must act (`mover`), since when, and the evidence: an event `evt_…`, a report"
        " `rpt_…`, a claim, a proposal, a work item or a batch. In the order of the table of moves, then of records."
        " A trade that is sealed is answered for by its instructions. What moves on between two pages may be missing"
        " from the later one or stand in it again."
    ),
    parameters=[
        *_FILTERS,
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "items: `quantity` is what is still open, of money by the currency's minor units",
            examples=[OpenApiExample("A fail", value={"items": [_RECORD], "next": None})],
        ),
        400: PROBLEM,
        422: _TOO_BROAD,
    },
)
count_open_records = extend_schema(
    operation_id="count_open_records",
    tags=["settlement"],
    description=(
        "How many open records each row of the table of moves has, by age, and the money in them by currency."
        f" Counted up to {MOST:,} records of a row: `capped` says that there are more."
    ),
    parameters=_FILTERS,
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "items: only the rows that have any",
            examples=[OpenApiExample("One row", value={"items": [_COUNT], "counted_up_to": MOST})],
        ),
        400: PROBLEM,
        422: _TOO_BROAD,
    },
)
