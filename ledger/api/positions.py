"""Positions over the API: figures, the entries behind them, lots and what became of these."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.as_of import AsOf, known_at, moment_of, tick_of
from core.clock import utc_now
from core.http.cursor import bent_cursor, decode_cursor, limit_of, page
from core.http.moments import moment_parameter
from core.http.problem import Fault, unreadable
from core.http.views import json_response
from core.ids import TRADE, public_id
from core.money import format_amount, format_number
from ledger.api import positions_schema as schema
from ledger.models import Basis
from ledger.selectors.lots import list_lots, list_movements
from ledger.selectors.positions import Which, list_entries, list_positions

_WHICH = ("book", "instrument", "currency", "party")
_CODE_MAX = 100


class Positions(APIView):
    """What is held, traded and settled."""

    scopes: ClassVar = {"GET": "positions:read"}

    @schema.positions
    def get(self, request: Request) -> HttpResponse:
        limit, which = limit_of(request), _which(request)
        by_party = _choice(request, "by", ("party",)) is not None
        as_of, on, place = _axes(request, parts=4)
        book_id, instrument_id, currency, party_id = place or (0, 0, 0, 0)
        rows = list_positions(
            which=which,
            by_party=by_party,
            as_of=as_of,
            on=on,
            after=None if place is None else (book_id, instrument_id, _text_of(currency), party_id),
            limit=limit,
        )
        last = rows[-1] if len(rows) == limit else None
        more = _place(last) if last else None
        return _answer([_position(row) for row in rows], as_of, on, more)


class Entries(APIView):
    """What positions are the sum of."""

    scopes: ClassVar = {"GET": "positions:read"}

    @schema.entries
    def get(self, request: Request) -> HttpResponse:
        limit, which = limit_of(request), _which(request)
        basis = _choice(request, "basis", Basis.values)
        as_of, on, place = _axes(request, parts=2)
        rows = list_entries(
            which=which,
            basis=None if basis is None else Basis(basis),
            as_of=as_of,
            on=on,
            after=None if place is None else (_day_of(place[0]), place[1]),
            limit=limit,
        )
        last = rows[-1] if len(rows) == limit else None
        more = (last["effective_date"].toordinal(), last["id"]) if last else None
        return _answer([entry_document(row) for row in rows], as_of, on, more)


class Lots(APIView):
    """What is left of what trades opened."""

    scopes: ClassVar = {"GET": "positions:read"}

    @schema.lots
    def get(self, request: Request) -> HttpResponse:
        limit, which = limit_of(request), _which(request)
        as_of, on, after = _axes(request, parts=4)
        _one_position(which, as_of)
        rows = list_lots(which=which, as_of=as_of, on=on, after=after, limit=limit)
        last = rows[-1] if len(rows) == limit else None
        names = ("book_id", "instrument_id", "lot_trade_id", "lot_leg")
        more = tuple(last[name] for name in names) if last else None
        return _answer([_lot(row) for row in rows], as_of, on, more)


class LotMovements(APIView):
    """What became of lots."""

    scopes: ClassVar = {"GET": "positions:read"}

    @schema.movements
    def get(self, request: Request) -> HttpResponse:
        limit, which = limit_of(request), _which(request)
        as_of, on, after = _axes(request, parts=1)
        _one_position(which, as_of)
        rows = list_movements(which=which, as_of=as_of, on=on, after=after[0] if after else 0, limit=limit)
        more = (rows[-1]["id"],) if len(rows) == limit else None
        return _answer([_movement(row) for row in rows], as_of, on, more)


def _one_position(which: Which, as_of: AsOf) -> None:
    """Refuse to tell the lots of every position as of a moment: they are played again, one position at a time."""
    if as_of.as_at is not None and not (which.book and which.instrument):
        raise unreadable(
            [
                Fault(f"query:{name}", "As of a moment, say of which book and instrument.", "missing")
                for name in ("book", "instrument")
                if not getattr(which, name)
            ]
        )


def _which(request: Request) -> Which:
    given = {name: request.query_params.get(name) for name in _WHICH}
    faults = [
        Fault(f"query:{name}", f"A code of at most {_CODE_MAX} characters.", "length")
        for name, text in given.items()
        if text is not None and ("\0" in text or len(text) > _CODE_MAX)
    ]
    if faults:
        raise unreadable(faults)
    return Which(**given)


def _choice(request: Request, name: str, choices: Any) -> str | None:
    given = request.query_params.get(name)
    if given is not None and given not in choices:
        raise unreadable([Fault(f"query:{name}", f"One of {', '.join(choices)}.", "unknown")])
    return given


def _axes(request: Request, *, parts: int) -> tuple[AsOf, date | None, tuple[int, ...] | None]:
    """Return where on the axes of time a page looks, and the place after which it begins.

    A cursor carries both, so that the pages after the first need nothing else; others beside it are a Problem 400.
    """
    moment, on = moment_parameter(request, "as_at"), _business_date(request)
    if moment is not None and moment > utc_now():
        raise unreadable([Fault("query:as_at", "This moment is still to come.", "future")])
    key = _key(request, parts=parts + 2)
    if key is None:
        return known_at(moment), on, None
    try:
        carried, carried_on = moment_of(key[0]), None if key[1] == 0 else date.fromordinal(key[1])
    except (OverflowError, ValueError):
        raise bent_cursor() from None
    if moment not in {None, carried} or on not in {None, carried_on} or (carried or utc_now()) > utc_now():
        raise bent_cursor()
    return known_at(carried), carried_on, key[2:]


def _key(request: Request, *, parts: int) -> tuple[int, ...] | None:
    """Return the key of a page's cursor, None for the first page; Problem 400 for a bent one."""
    key = decode_cursor(request.query_params.get("cursor", ""), parts=parts)
    if key is not None and not all(0 <= part < 1 << 63 for part in key):
        raise bent_cursor()
    return key


def _business_date(request: Request) -> date | None:
    text = request.query_params.get("on")
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise unreadable([Fault("query:on", "A date such as 2026-11-23.")]) from None


def _answer(
    items: list[dict[str, Any]], as_of: AsOf, on: date | None, more: tuple[int, ...] | None
) -> HttpResponse:
    key = more and (tick_of(as_of.as_at), on.toordinal() if on else 0, *more)
    return json_response(page(items, next_key=key))


def _place(row: dict[str, Any]) -> tuple[int, ...]:
    currency = _number_of(row["currency"])
    return row["book_id"], row["instrument_id"], currency, row.get("counterparty_id", 0)


def _number_of(currency: str) -> int:
    return int.from_bytes(currency.encode())


def _text_of(number: int) -> str:
    try:
        return number.to_bytes(8).lstrip(b"\0").decode()
    except (OverflowError, UnicodeDecodeError):
        raise bent_cursor() from None


def _day_of(ordinal: int) -> date:
    try:
        return date.fromordinal(ordinal)
    except (OverflowError, ValueError):
        raise bent_cursor() from None


def _position(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "book": row["book"],
        "instrument": row["instrument"],
        "currency": row["currency"],
        "party": row["party"],
        "traded": format_number(row["traded"]),
        "settled": format_number(row["settled"]),
    }


def _trade(trade_id: int | None) -> str | None:
    return public_id(TRADE, trade_id) if trade_id else None


def entry_document(row: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of a position as JSON-ready data."""
    return {
        "id": row["id"],
        "book": row["book"],
        "instrument": row["instrument"],
        "currency": row["currency"],
        "party": row["party"],
        "basis": row["basis"],
        "quantity": format_number(row["quantity"]),
        "amount": format_amount(row["amount"], row["currency"]),
        "fees": format_amount(row["fees"], row["currency"]),
        "effective_date": row["effective_date"],
        "settlement_date": row["settles_on"],
        "trade": _trade(row["trade_id"]),
        "version": row["version"],
        "leg": row["leg"],
        "corporate_action": row["action"],
        "reverses": row["reverses"],
        "reversed": row["is_reversed"],
        "recorded_at": row["recorded_at"],
    }


def _lot(row: dict[str, Any]) -> dict[str, Any]:
    refused = not row["lot_trade_id"]
    return {
        "book": row["book"],
        "instrument": row["instrument"],
        "currency": row["currency"],
        "trade": _trade(row["lot_trade_id"]),
        "version": None if refused else row["lot_version"],
        "leg": None if refused else row["lot_leg"],
        "opened_on": None if refused else row["lot_day"],
        "quantity": format_number(row["quantity"]),
        "cost": format_amount(row["cost"], row["currency"]),
        "unit_cost": None if refused else format_number(row["unit_cost"]),
        "refused": refused,
    }


def _movement(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "book": row["book"],
        "instrument": row["instrument"],
        "currency": row["currency"],
        "kind": row["kind"],
        "day": row["day"],
        "trade": None if row["action"] else _trade(row["source_id"]),
        "version": row["version"],
        "leg": row["leg"],
        "corporate_action": row["action"],
        "lot_trade": _trade(row["lot_trade_id"]),
        "lot_version": row["lot_version"],
        "lot_leg": row["lot_leg"],
        "quantity": format_number(row["quantity"]),
        **{name: format_amount(row[name], row["currency"]) for name in ("cost", "value", "gain")},
    }
