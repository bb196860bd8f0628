"""How much of what days came to was realised, and what is open, by the lots."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.http.problem import Fault, unreadable
from core.http.views import json_response
from core.money import format_amount, format_number
from ledger.api import profit_gains_schema as schema
from ledger.api.profit import run_document, run_of
from ledger.selectors import profit_gains
from ledger.selectors.profit import GROUPS


class Gains(APIView):
    """The total of a run, realised and unrealised."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_gains
    def get(self, request: Request, day: str) -> HttpResponse:
        run = run_of(request, day)
        by, book = request.query_params.get("by", "book"), request.query_params.get("book")
        if by not in GROUPS:
            raise unreadable([Fault("query:by", f"One of {', '.join(GROUPS)}.", "unknown")])
        base = run["base_currency"]
        rows = profit_gains.gains_by(run_id=run["id"], by=by, book=book)
        total = gains_document(profit_gains.gains_total(run_id=run["id"], book=book), base)
        items = [{by: row["name"], **gains_document(row, base)} for row in rows]
        return json_response({**run_document(run), **total, "items": items})


class PositionGains(APIView):
    """What is realised and open by position of a book."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_position_gains
    def get(self, request: Request, day: str, book: str) -> HttpResponse:
        run = run_of(request, day)
        rows = profit_gains.gains_of_positions(run_id=run["id"], book=book)
        items = [
            {
                "instrument": row["instrument"] or None,
                "currency": row["currency"],
                "quantity": format_number(row["quantity"]),
                "cost": format_number(row["cost"]),
                "worth": format_number(row["worth"]),
                **gains_document(row, run["base_currency"]),
            }
            for row in rows
        ]
        return json_response({**run_document(run), "items": items})


def gains_document(row: dict[str, Any], base: str) -> dict[str, Any]:
    """Return the figures of a row that add up to its total, in base currency, as JSON-ready data."""
    figures = {name: format_amount(row[name], base) for name in profit_gains.GAINS}
    return {"total": format_amount(row["total"], base), **figures, "reasons": sorted(row["reasons"])}
