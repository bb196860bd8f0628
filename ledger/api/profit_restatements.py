"""Days that were told again: old, new, and why."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.http.cursor import decode_cursor, limit_of, page
from core.http.problem import not_found
from core.http.views import json_response
from core.ids import TRADE, public_id
from core.money import format_amount, format_number
from ledger.api import profit_restatements_schema as schema
from ledger.api.profit import run_of
from ledger.selectors import profit_restatements as restated
from ledger.selectors.profit import PARTS


class Restatements(APIView):
    """Every time a day was told again."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_restatements
    def get(self, request: Request, day: str) -> HttpResponse:
        run = run_of(request, day)
        found = restated.restatements_of(day=run["day"])
        return json_response({"date": run["day"], "items": [_restatement(each) for each in found]})


class RestatedTrades(APIView):
    """The trades that a restatement knows otherwise than the run before it."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_restated_trades
    def get(self, request: Request, day: str, number: int) -> HttpResponse:
        limit = limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=1)
        found = restated.restatements_of(day=run_of(request, day)["day"], number=number)
        if not found:
            raise not_found("restatement")
        rows = restated.changed_trades(found[0], after=after[0] if after else 0, limit=limit)
        more = (rows[-1]["trade_id"],) if len(rows) == limit else None
        return json_response(page([_trade(row) for row in rows], next_key=more))


def _restatement(run: dict[str, Any]) -> dict[str, Any]:
    base = run["base_currency"]
    return {
        "run": run["number"],
        "as_at": run["as_at"],
        "restates": {"run": run["old_number"], "as_at": run["old_as_at"]},
        "reason": run["reason"],
        "by": run["actor"],
        "opening_restated": run["is_opening_restated"],
        **_old_and_new(restated.totals_of(run), base),
        "positions": [
            {
                "book": row["book"] or None,
                "instrument": row["instrument"] or None,
                "currency": row["currency"],
                **_old_and_new(row, base),
            }
            for row in restated.changed_positions(run)
        ],
        "prices": [_price(row) for row in restated.changed_prices(run)],
        "actions": restated.changed_actions(run),
        "adjustments": [
            {**row, "amount": format_amount(row["amount"], row["currency"])}
            for row in restated.new_adjustments(run)
        ],
    }


def _old_and_new(row: dict[str, Any], base: str) -> dict[str, Any]:
    return {
        which: {
            "total": format_amount(row[f"{which}_total"], base),
            "parts": {name: format_amount(row[f"{which}_{name}"], base) for name in PARTS},
        }
        for which in ("old", "new")
    }


def _price(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "instrument": row["instrument"] or None,
        "currency": row["currency"],
        **{
            which: {
                "quoted": format_number(row[f"{which}_quoted"]),
                "quoted_on": row[f"{which}_date"],
                "unit_price": format_number(row[f"{which}_price"]),
                "flag": row[f"{which}_flag"] or None,
            }
            for which in ("old", "new")
        },
    }


def _trade(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "trade": public_id(TRADE, row["trade_id"]),
        "source": row["source"],
        "source_ref": row["source_ref"],
        "book": row["book"] or None,
        "trade_date": row["trade_date"],
        "version_before": row["before"],
        "version_after": row["after"],
        "recorded_at": row["recorded_at"],
    }
