"""The calendar of obligations: what is owed on each value date, and the legs and instructions behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core import sql
from core.clock import utc_now
from core.http.cursor import bent_cursor, decode_cursor, limit_of, page
from core.http.problem import Fault, Problem, unreadable
from core.http.views import json_response
from core.ids import BATCH, TRADE, public_id
from core.money import format_amount, format_number
from settlement.api import obligations_schema as schema
from settlement.obligations import (
    DIRECTIONS,
    Day,
    Standing,
    WantedObligations,
    list_days,
    list_obligations,
    read_day,
)

_MAX_TEXT = 128
_DAY_ADVICE = "A date such as 2026-11-25."


class ObligationDays(APIView):
    """What is owed on each value date, by asset, direction and standing, some days at a time."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.list_obligation_days
    def get(self, request: Request) -> HttpResponse:
        limit, since, only = _days_asked(request)
        with _small_enough():
            if only is not None:
                found, following = [read_day(only, now=utc_now())], None
            else:
                found, following = list_days(now=utc_now(), since=since, limit=limit)
        more = None if following is None else (following.toordinal(),)
        return json_response(page([day_document(each) for each in found], next_key=more))


class Obligations(APIView):
    """The legs and instructions behind the figures of a value date, a page at a time."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.list_obligations
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=3)
        wanted = _wanted(request.query_params)
        with _small_enough():
            rows = list_obligations(wanted=wanted, after=after, limit=limit)
        more = rows[-1]["at"] if len(rows) == limit else None
        return json_response(page([obligation_document(row) for row in rows], next_key=more))


@contextmanager
def _small_enough() -> Iterator[None]:
    """Answer Problem 422 where too much would be looked through."""
    try:
        yield
    except sql.TookTooLong:
        advice = "Ask for fewer days, or for one value date."
        raise Problem(422, "too-broad", "This looks through too many records.", advice) from None


def _days_asked(request: Request) -> tuple[int, date, date | None]:
    """Return how many days are asked for, from which on, and the one alone that is; Problem 400 with every fault."""
    given = request.query_params
    faults: list[Fault] = []
    only = _day(given.get("value_date", ""), faults)
    limit = given.get("limit", str(schema.DEFAULT_DAYS))
    most = schema.MAX_DAYS
    if not limit.isdecimal() or len(limit) > len(str(most)) or not 1 <= int(limit) <= most:
        faults.append(Fault("query:limit", f"A whole number from 1 to {most}."))
    if faults:
        raise unreadable(faults)
    return int(limit), _since(given.get("cursor", "")), only


def _since(cursor: str) -> date:
    (number,) = decode_cursor(cursor, parts=1) or (date.min.toordinal(),)
    try:
        return date.fromordinal(number)
    except (ValueError, OverflowError):
        raise bent_cursor() from None


def _day(text: str, faults: list[Fault]) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        faults.append(Fault("query:value_date", _DAY_ADVICE))
        return None


def _wanted(given: Mapping[str, str]) -> WantedObligations:
    """Return which obligations a query asks for; Problem 400 with every fault in it."""
    faults: list[Fault] = []
    value_date = _day(given.get("value_date", ""), faults)
    if value_date is None and not faults:
        faults.append(Fault("query:value_date", _DAY_ADVICE, "required"))
    for name, known in (("direction", DIRECTIONS), ("standing", tuple(Standing))):
        if given.get(name) and given[name] not in known:
            faults.append(Fault(f"query:{name}", f"One of {', '.join(known)}.", "unknown"))
    asset = given.get("asset", "")
    if len(asset) > _MAX_TEXT or "\0" in asset:
        faults.append(Fault("query:asset", "A currency, ISIN or SKU."))
    if faults or value_date is None:
        raise unreadable(faults)
    standing = Standing(given["standing"]) if given.get("standing") else None
    return WantedObligations(value_date, asset, given.get("direction", ""), standing)


def _quantity(quantity: Any, asset_kind: str, asset: str) -> str | None:
    return format_amount(quantity, asset) if asset_kind == "CASH" else format_number(quantity)


def day_document(day: Day) -> dict[str, Any]:
    """Return a value date as JSON-ready data."""
    return {
        "value_date": day.value_date,
        "late": day.is_late,
        "lines": [
            {
                "asset_kind": line.asset_kind,
                "asset": line.asset,
                "direction": line.direction,
                "figures": {
                    standing.value: {
                        "count": line.figures[standing].count,
                        "quantity": _quantity(line.figures[standing].quantity, line.asset_kind, line.asset),
                    }
                    for standing in Standing
                    if standing in line.figures
                },
            }
            for line in day.lines
        ],
        "lines_left_off": day.lines_left_off,
        "at_least": [standing.value for standing in Standing if standing in day.at_least],
    }


def obligation_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a leg or an instruction as JSON-ready data."""
    return {
        "record": row["record"],
        "reference": row["reference"],
        "trade": public_id(TRADE, row["trade_id"]),
        "batch": None if row["batch_id"] is None else public_id(BATCH, row["batch_id"]),
        "standing": row["standing"],
        "value_date": row["value_date"],
        "party": row["party"],
        "asset_kind": row["asset_kind"],
        "asset": row["asset"],
        "direction": row["direction"],
        "quantity": _quantity(row["quantity"], row["asset_kind"], row["asset"]),
    }
