"""Fails, and what they cost day by day, for whoever books or disputes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, ClassVar, TypeVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import utc_now
from core.http.cursor import decode_cursor, limit_of, page
from core.http.problem import Fault, unreadable
from core.http.views import json_response
from core.ids import INSTRUCTION, TRADE, database_id, public_id
from core.money import format_amount, format_number, is_currency
from settlement.api import penalties_schema as schema
from settlement.models import CHANNELS, Penalty
from settlement.penalties import FAIL_MOVERS, WantedFails, WantedPenalties, list_fails, list_penalties

_MAX_TEXT = 128
_GAPS = tuple(each for each in Penalty.Gap.values if each)
_Read = TypeVar("_Read")


class Penalties(APIView):
    """What fails cost, gaps and reversals, in the order in which they were committed; a kept cursor misses none."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.list_settlement_penalties
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=2)
        rows = list_penalties(wanted=_wanted_penalties(request.query_params), after=after, limit=limit)
        more = (rows[-1]["xid"], rows[-1]["id"]) if len(rows) == limit else None
        return json_response(page([penalty_document(row) for row in rows], next_key=more))


class Fails(APIView):
    """What failed to settle and is still open, by instruction."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.list_settlement_fails
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        (after,) = decode_cursor(request.query_params.get("cursor", ""), parts=1) or (0,)
        wanted = _wanted_fails(request.query_params)
        rows = list_fails(wanted=wanted, now=utc_now(), after=after, limit=limit)
        more = (rows[-1]["instruction_id"],) if len(rows) == limit else None
        return json_response(page([fail_document(row) for row in rows], next_key=more))


def _read(
    given: Mapping[str, str], name: str, told: str, read: Callable[[str], _Read | None], faults: list[Fault]
) -> _Read | None:
    """Return a parameter as it is read, None where it is not given; adds a fault where it cannot be read."""
    text = given.get(name, "")
    found = read(text) if text else None
    if text and found is None:
        faults.append(Fault(f"query:{name}", told, "unknown"))
    return found


def _one_of(choices: tuple[str, ...]) -> tuple[str, Callable[[str], str | None]]:
    return f"One of {', '.join(choices)}.", lambda text: text if text in choices else None


def _id_of(prefix: str) -> Callable[[str], int | None]:
    return lambda text: database_id(prefix, text)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _text(text: str) -> str | None:
    return text if len(text) <= _MAX_TEXT and "\0" not in text else None


def _wanted_penalties(given: Mapping[str, str]) -> WantedPenalties:
    """Return the filter of a query; Problem 400 with every fault in it."""
    faults: list[Fault] = []
    wanted = WantedPenalties(
        instruction_id=_read(given, "instruction", "An instruction, `ins_…`.", _id_of(INSTRUCTION), faults),
        trade_id=_read(given, "trade", "A trade such as trd_4S7H.", _id_of(TRADE), faults),
        day=_read(given, "day", "A date such as 2026-11-25.", _day, faults),
        currency=_read(
            given,
            "currency",
            "A currency (ISO 4217).",
            lambda text: text if is_currency(text) else None,
            faults,
        )
        or "",
        payer=_read(given, "payer", *_one_of(tuple(Penalty.Payer.values)), faults) or "",
        gap=_read(given, "gap", *_one_of(_GAPS), faults) or "",
    )
    if faults:
        raise unreadable(faults)
    return wanted


def _wanted_fails(given: Mapping[str, str]) -> WantedFails:
    """Return the filter of a query; Problem 400 with every fault in it."""
    faults: list[Fault] = []
    wanted = WantedFails(
        mover=_read(given, "mover", *_one_of(FAIL_MOVERS), faults) or "",
        channel=_read(given, "channel", *_one_of(CHANNELS), faults) or "",
        party=_read(given, "party", "The code of a counterparty.", _text, faults) or "",
        asset=_read(given, "asset", "A currency, ISIN or SKU.", _text, faults) or "",
        trade_id=_read(given, "trade", "A trade such as trd_4S7H.", _id_of(TRADE), faults),
    )
    if faults:
        raise unreadable(faults)
    return wanted


def _quantity(row: Mapping[str, Any], name: str) -> str | None:
    is_money = row["asset_kind"] == "CASH"
    return format_amount(row[name], row["asset"]) if is_money else format_number(row[name])


def penalty_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a penalty, a gap or a reversal as JSON-ready data."""
    return {
        "id": row["id"],
        "instruction": public_id(INSTRUCTION, row["instruction_id"]),
        "day": row["day"],
        "asset": row["asset"],
        "quantity": _quantity(row, "quantity"),
        "price": format_number(row["price"]),
        "price_date": row["price_date"],
        "basis_points": format_number(row["basis_points"]),
        "rate": None
        if row["rate_class"] is None
        else {
            "asset_class": row["rate_class"],
            "liquidity": row["rate_liquidity"],
            "currency": row["rate_currency"],
            "valid_from": row["rate_from"],
            "source": row["rate_source"],
        },
        "currency": row["currency"],
        "amount": format_amount(row["amount"], row["currency"]),
        "payer": row["payer"],
        "gap": row["gap"] or None,
        "reverses": row["reverses"],
        "recorded_at": row["recorded_at"],
    }


def fail_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fail as JSON-ready data."""
    return {
        "instruction": public_id(INSTRUCTION, row["instruction_id"]),
        "trade": public_id(TRADE, row["trade_id"]),
        "settlement": row["settlement"],
        "reason": row["reason"] or None,
        "mover": row["mover"].name,
        "next_action": row["next"],
        "since": row["since"],
        "age_business_days": row["age_days"],
        "channel": row["channel"],
        "party": row["party"],
        "value_date": row["value_date"],
        "asset": row["asset"],
        "direction": row["direction"],
        "remaining_quantity": _quantity(row, "remaining"),
        "cost": {currency: format_amount(amount, currency) for currency, amount in row["costs"].items()},
        "days_without_cost": row["gaps"],
    }
