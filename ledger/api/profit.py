"""What days came to: by day, by whatever it is asked for, and down to the trades, prices and rates behind it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import business_date, utc_now
from core.http.cursor import decode_cursor, limit_of, page
from core.http.problem import Fault, not_found, unreadable
from core.http.views import json_response
from core.ids import TRADE, public_id
from core.money import format_amount, format_number
from ledger.api import profit_schema as schema
from ledger.models import ProfitRun
from ledger.selectors import profit
from refdata.models import Book, Instrument

SPAN_MAX = 366  # days of one answer
_DEFAULT_SPAN = timedelta(days=31)
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


class Days(APIView):
    """The latest run of each day."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_days
    def get(self, request: Request) -> HttpResponse:
        asked = request.query_params
        last = date_of(asked.get("last"), "last") or business_date(utc_now())
        first = date_of(asked.get("first"), "first") or last - _DEFAULT_SPAN
        if not 0 <= (last - first).days < SPAN_MAX:
            raise unreadable([Fault("query:first", f"From 1 to {SPAN_MAX} days end with `last`.", "range")])
        found = profit.days_between(first=first, last=last, book=asked.get("book"))
        return json_response({"items": [{**run_document(row), **figures(row)} for row in found]})


class Day(APIView):
    """A run of a day, explained."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.explain_day
    def get(self, request: Request, day: str) -> HttpResponse:
        run = run_of(request, day)
        by, book = request.query_params.get("by", "book"), request.query_params.get("book")
        if by not in profit.GROUPS:
            raise unreadable([Fault("query:by", f"One of {', '.join(profit.GROUPS)}.", "unknown")])
        rows = profit.explain(run_id=run["id"], by=by, book=book)
        runs = [{**run_document(row), **figures(row)} for row in profit.runs_of(run["day"])]
        items = [{by: row["name"], **figures({**run, **row})} for row in rows]
        total = figures({**run, **profit.total_of(run_id=run["id"], book=book)})
        lag = {"lag_seconds": lag_of(run)}
        return json_response({**run_document(run), **lag, **total, "items": items, "runs": runs})


class Positions(APIView):
    """The positions of a book in a run."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_positions
    def get(self, request: Request, day: str, book: str) -> HttpResponse:
        run = run_of(request, day)
        rows = profit.positions_of(run_id=run["id"], book=book)
        return json_response({**run_document(run), "items": [_position(run, row) for row in rows]})


class Prices(APIView):
    """The prices and rates that a run used."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_prices
    def get(self, request: Request, day: str) -> HttpResponse:
        run = run_of(request, day)
        flagged = request.query_params.get("flagged", "false")
        if flagged not in {"true", "false"}:
            raise unreadable([Fault("query:flagged", "true or false.", "unknown")])
        rows = profit.prices_of(run_id=run["id"], flagged=flagged == "true")
        return json_response({**run_document(run), "items": [_price(row) for row in rows]})


class Trades(APIView):
    """The trade versions behind one position of a run."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_trades
    def get(self, request: Request, day: str) -> HttpResponse:
        run, limit = run_of(request, day), limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=1)
        rows, last = profit.trades_behind(
            run_id=run["id"], **_place(request), after=after[0] if after else 0, limit=limit
        )
        return json_response(page([_trade(row) for row in rows], next_key=None if last is None else (last,)))


def date_of(text: str | None, name: str) -> date | None:
    """Return a date of the query, None where it is left out; Problem 400 where it is none."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
        if not _FIRST_YEAR <= found.year <= _LAST_YEAR:  # so that days can be counted from it, either way
            raise ValueError(text)
        return found
    except ValueError:
        raise unreadable([Fault(f"query:{name}", "A date such as 2026-11-23.", "malformed")]) from None


def run_of(request: Request, day: str) -> dict[str, Any]:
    """Return the run of a day that is asked for, the latest unless a number says which; Problem 404 without one."""
    number = request.query_params.get("run")
    if number is not None and not (number.isascii() and number.isdigit() and len(number) < 9):
        raise unreadable([Fault("query:run", "The number of a run of the day.", "malformed")])
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise not_found("day") from None
    found = profit.find_run(day=wanted, number=None if number is None else int(number))
    if found is None:
        raise not_found("run")
    return found


def _place(request: Request) -> dict[str, int]:
    """Return the position that is asked about: a book, and an instrument or none."""
    code, instrument = request.query_params.get("book", ""), request.query_params.get("instrument")
    book_id = Book.objects.filter(code=code).values_list("id", flat=True).first()
    instrument_id = 0
    faults = [] if book_id else [Fault("query:book", "The code of a book.", "unknown")]
    if instrument:
        instrument_id = Instrument.objects.filter(code=instrument).values_list("id", flat=True).first() or 0
        if not instrument_id:
            faults.append(Fault("query:instrument", "The code of an instrument.", "unknown"))
    if faults or book_id is None:
        raise unreadable(faults)
    return {"book_id": book_id, "instrument_id": instrument_id}


def lag_of(run: dict[str, Any]) -> int | None:
    """Return for how long trades have moved that an intraday run does not know; None of a day that has ended."""
    if run["kind"] != ProfitRun.Kind.INTRADAY:
        return None
    since = profit.unknown_since(run_id=run["id"])
    return 0 if since is None else max(0, int((utc_now() - since).total_seconds()))


def run_document(run: dict[str, Any]) -> dict[str, Any]:
    """Return what a run is, as JSON-ready data."""
    return {
        "date": run["day"],
        "run": run["number"],
        "kind": run["kind"],
        "as_at": run["as_at"],
        "against": run["opening_day"],
        "base_currency": run["base_currency"],
        "reason": run["reason"],
        "flags": run["flags"],
        "open_flags": run["open_flags"],
        "opening_restated": run["is_opening_restated"],
        "signed_off_at": run["signed_at"],
    }


def figures(row: dict[str, Any]) -> dict[str, Any]:
    """Return the total of a row and its parts, in base currency, as JSON-ready data."""
    base = row["base_currency"]
    parts = {name: format_amount(row[name], base) for name in profit.PARTS}
    return {"total": format_amount(row["total"], base), "parts": parts}


def _position(run: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    return {
        "instrument": row["instrument"] or None,
        "currency": row["currency"],
        "quantity": format_number(row["quantity"]),
        "local_value": _exact(row["value"]),
        "local_total": _exact(row["local_total"]),
        "base_value": format_amount(row["base_value"], run["base_currency"]),
        "priced": row["is_priced"],
        **figures({**run, **row}),
    }


def _exact(amount: Decimal) -> str | None:
    return format_number(amount)


def _price(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "instrument": row["instrument"] or None,
        "currency": row["currency"],
        "quoted": format_number(row["quoted"]),
        "quoted_on": row["date"],
        "unit_price": format_number(row["price"]),
        "unit_interest": format_number(row["interest"]),
        "before": {
            "quoted": format_number(row["was_quoted"]),
            "quoted_on": row["was_date"],
            "unit_price": format_number(row["was_price"]),
            "unit_interest": format_number(row["was_interest"]),
        },
        "flag": row["flag"] or None,
        "accepted": row["accepted"],
        "accepted_by": row["accepted_by"],
    }


def _trade(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "trade": public_id(TRADE, row["trade_id"]),
        "version": row["version"],
        "source": row["source"],
        "source_ref": row["source_ref"],
        "part": row["part"],
        "currency": row["currency"],
        "quantity": format_number(row["quantity"]),
        "cash": format_number(row["cash"]),
        "fees": format_number(row["fees"]),
    }
