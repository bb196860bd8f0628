"""What deals are charged, as accrued and reversed, for whoever books it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from core.http.cursor import decode_cursor, limit_of, page
from core.http.problem import Fault, unreadable
from core.http.views import json_response
from core.ids import TRADE, database_id, public_id
from core.money import format_amount
from settlement.accruals import list_accruals

_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_EXAMPLE = {
    "items": [
        {
            "id": 71,
            "trade": public_id(TRADE, 1234),
            "version": 1,
            "type": "STAMP_DUTY",
            "currency": "GBP",
            "amount": "-43.12",
            "stated": False,
            "rule": "UK-STAMP",
            "rule_version": 2,
            "reverses": None,
            "accrued_at": "2026-11-23T09:14:07Z",
        }
    ],
    "next": None,
}


class FeeAccruals(APIView):
    """Charges and their reversals in the order in which they were committed; a kept cursor misses none."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @extend_schema(
        operation_id="list_fee_accruals",
        tags=["fees"],
        parameters=[
            OpenApiParameter("trade", str, description="only of this trade, `trd_…`"),
            OpenApiParameter("cursor", str, description="`next` of the page before"),
            OpenApiParameter("limit", int, description="1 to 1000, default 100"),
        ],
        responses={
            200: OpenApiResponse(
                OpenApiTypes.OBJECT,
                "items: above zero what we receive, below what we pay; a reversal names what it reverses",
                examples=[OpenApiExample("A tax", value=_EXAMPLE)],
            ),
            400: _PROBLEM,
        },
    )
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=2)
        rows = list_accruals(trade_id=_trade_of(request), after=after, limit=limit)
        more = (rows[-1]["xid"], rows[-1]["id"]) if len(rows) == limit else None
        return json_response(page([accrual_document(row) for row in rows], next_key=more))


def _trade_of(request: Request) -> int | None:
    reference = request.query_params.get("trade")
    if reference is None:
        return None
    trade_id = database_id(TRADE, reference)
    if trade_id is None:
        raise unreadable([Fault("query:trade", "A trade such as trd_4S7H.", "unknown")])
    return trade_id


def accrual_document(row: dict[str, Any]) -> dict[str, Any]:
    """Return an accrual as JSON-ready data."""
    return {
        "id": row["id"],
        "trade": public_id(TRADE, row["trade_id"]),
        "version": row["version"],
        "type": row["type"],
        "currency": row["currency"],
        "amount": format_amount(row["amount"], row["currency"]),
        "stated": row["is_stated"],
        "rule": row["rule"],
        "rule_version": row["rule_version"],
        "reverses": row["reverses"],
        "accrued_at": row["accrued_at"],
    }
