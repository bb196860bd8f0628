"""Unfinished records, each with whose move it is, and how many there are by the rows of the table."""

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
from core.http.cursor import decode_cursor, limit_of, page
from core.http.problem import Fault, Problem, unreadable
from core.http.views import json_response
from core.ids import TRADE, public_id
from core.money import format_amount
from settlement.api import open_records_schema as schema
from settlement.models import CHANNELS
from settlement.moves.base import Mover
from settlement.moves.table import RULES
from settlement.open_records import AGES, MOST, Group, Wanted, count_open, list_open

_MAX_TEXT = 128


class OpenRecords(APIView):
    """Every unfinished record in the order of the table of moves, a page at a time."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.list_open_records
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=2)
        wanted = read_wanted(request.query_params)
        with _narrow_enough():
            rows = list_open(wanted=wanted, now=utc_now(), after=after, limit=limit)
        more = rows[-1]["at"] if len(rows) == limit else None
        return json_response(page([record_document(row) for row in rows], next_key=more))


class OpenRecordCounts(APIView):
    """How many records each row of the table has, of which ages, and what money is in them."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.count_open_records
    def get(self, request: Request) -> HttpResponse:
        wanted = read_wanted(request.query_params)
        with _narrow_enough():
            groups = count_open(wanted=wanted, now=utc_now())
        return json_response({"items": [group_document(each) for each in groups], "counted_up_to": MOST})


@contextmanager
def _narrow_enough() -> Iterator[None]:
    """Answer Problem 422 where a filter looks through too much."""
    try:
        yield
    except sql.TookTooLong:
        advice = "Ask for one mover, rule or channel at a time."
        raise Problem(422, "too-broad", "The filter looks through too many records.", advice) from None


def read_wanted(given: Mapping[str, str]) -> Wanted:
    """Return the filter of a query; Problem 400 with every fault in it."""
    faults = [
        Fault(f"query:{name}", f"One of {', '.join(known)}.", "unknown")
        for name, known in (
            ("mover", [each.name for each in Mover]),
            ("rule", list(RULES)),
            ("age", list(AGES)),
            ("channel", CHANNELS),
        )
        if given.get(name) and given[name] not in known
    ]
    faults += [
        Fault(f"query:{name}", f"There is no {name} of this code.", "unknown")
        for name, table in (("party", "refdata_party"), ("book", "refdata_book"))
        if given.get(name) and not _is_code(given[name], table)
    ]
    asset = given.get("asset", "")
    if len(asset) > _MAX_TEXT or "\0" in asset:
        faults.append(Fault("query:asset", "A currency, ISIN or SKU."))
    day, day_fault = _day(given.get("value_date", ""))
    faults += day_fault
    if faults:
        raise unreadable(faults)
    rule, age, channel, party, book = (
        given.get(name, "") for name in ("rule", "age", "channel", "party", "book")
    )
    mover = Mover[given["mover"]] if given.get("mover") else None
    return Wanted(mover, rule, age, channel, party, book, day, asset)


def _is_code(code: str, table: str) -> bool:
    if len(code) > _MAX_TEXT or "\0" in code:
        return False
    return sql.row(f"SELECT 1 FROM {table} WHERE code = %s", [code]) is not None


def _day(text: str) -> tuple[date | None, list[Fault]]:
    try:
        return (date.fromisoformat(text) if text else None), []
    except ValueError:
        return None, [Fault("query:value_date", "A date such as 2026-11-25.")]


def record_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an open record as JSON-ready data."""
    quantity = row["quantity"]
    if quantity is not None:
        quantity = format_amount(quantity, row["asset"]) if row["is_money"] else f"{quantity.normalize():f}"
    return {
        "record": row["record"],
        "reference": row["reference"],
        "trade": None if row["trade_id"] is None else public_id(TRADE, row["trade_id"]),
        "rule": row["rule"],
        "title": row["title"],
        "mover": row["mover"].name,
        "who": row["who"] or None,
        "next_action": row["next"],
        "since": row["since"],
        "evidence": row["evidence"],
        "channel": row["channel"],
        "party": row["party"],
        "value_date": row["value_date"],
        "asset": row["asset"],
        "quantity": quantity,
    }


def group_document(group: Group) -> dict[str, Any]:
    """Return a row's counts as JSON-ready data."""
    return {
        "rule": group.rule.code,
        "title": group.rule.title,
        "mover": group.rule.mover.name,
        "count": group.count,
        "capped": group.capped,
        "ages": dict(group.ages),
        "money": {currency: format_amount(amount, currency) for currency, amount in group.money.items()},
    }
