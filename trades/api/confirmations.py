"""What counterparties confirm: posted many at a time with a result for each, and listed as they stand."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import utc_now
from core.http.authentication import Client
from core.http.body import JsonBody
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.problem import Fault, Problem, unreadable
from core.http.views import OneForm, RawParser, client_of, json_response
from core.ids import CONFIRMATION, PROPOSAL, TRADE, database_id, public_id
from trades.api import confirmation_schema as schema
from trades.models import Confirmation, ConfirmationVersion
from trades.products import PRODUCTS
from trades.products.base import AMOUNT_DECIMALS, MAX_DECIMALS, date_fault, decimal_fault
from trades.selectors.confirmations import list_confirmations, list_policies
from trades.services.confirmation import Said, Told, confirm_trades
from trades.services.confirmation_policy import propose_policy

ITEMS_MAX = 5_000
VERSION_MAX = 2_000_000_000
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    items: list[msgspec.Raw]


_BODY = msgspec.json.Decoder(_Body)


class Confirmations(APIView):
    """GET lists where confirmations stand; POST takes what counterparties say."""

    scopes: ClassVar = {"GET": "confirmations:read", "POST": "confirmations:write"}
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm

    @schema.list_confirmations
    def get(self, request: Request) -> HttpResponse:
        status, limit = request.query_params.get("status") or None, limit_of(request)
        if status is not None and status not in Confirmation.Status.values:
            raise unreadable([Fault("query:status", f"One of {', '.join(Confirmation.Status.values)}.")])
        named = request.query_params.get("trade")
        trade_id = database_id(TRADE, named) if named else None
        if named and trade_id is None:
            raise unreadable([Fault("query:trade", "A trade's id.")])
        (after,) = decode_cursor(request.query_params.get("cursor", ""), parts=1) or (0,)
        found = list_confirmations(status=status, trade_id=trade_id, after=after, limit=limit + 1)
        more = found[limit - 1]["id"] if len(found) > limit else None
        items = [_document(each) for each in found[:limit]]
        return json_response(page(items, next_key=None if more is None else (more,)))

    @schema.confirm_trades
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        items = _items(body)
        return answer_once(
            request, client=client, now=now, body=body, act=lambda: _confirm(items, client, now)
        )


class ConfirmationPolicies(APIView):
    """GET lists which trades must be confirmed before they are sealed; POST proposes what is to hold."""

    scopes: ClassVar = {"GET": "confirmations:read", "POST": "confirmations:propose"}
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm

    @schema.list_policies
    def get(self, request: Request) -> HttpResponse:
        return json_response({"items": list_policies()})

    @schema.propose_policy
    def post(self, request: Request) -> HttpResponse:
        client, now = client_of(request), utc_now()
        body = JsonBody(request.body, known=("product", "party", "demanded", "reason"))
        reason = body.text("reason", required=True)
        asked: dict[str, Any] = {
            "product": body.text("product", max_length=64) or "",
            "party": body.text("party", max_length=64) or "",
            "demanded": body.flag("demanded"),
            "reason": reason or "",
        }
        body.check()

        def act() -> Answer:
            proposal = propose_policy(**asked, user=None, client_id=client.id, actor=client.actor(), now=now)
            return Answer(
                202, msgspec.json.encode({"proposal": public_id(PROPOSAL, proposal), "status": "PENDING"})
            )

        return answer_once(request, client=client, now=now, body=request.body, act=act)


def _items(body: bytes) -> list[msgspec.Raw]:
    try:
        items = _BODY.decode(body).items
    except _MALFORMED as error:
        raise unreadable([Fault("", str(error), "malformed")]) from None
    if not items:
        raise unreadable([Fault("/items", "At least one confirmation.", "empty")])
    if len(items) > ITEMS_MAX:
        raise Problem(413, "too-many-items", f"At most {ITEMS_MAX:,} confirmations, not {len(items):,}.")
    return items


def _confirm(items: list[msgspec.Raw], client: Client, now: datetime) -> Answer:
    results: list[dict[str, Any]] = [{}] * len(items)
    said: dict[int, Said] = {}
    for index, raw in enumerate(items):
        try:
            said[index] = read_said(bytes(raw))
        except Problem as problem:
            results[index] = _refused(index, problem)
    answers = confirm_trades(said=list(said.values()), actor=client.actor(), now=now)
    for index, answer in zip(said, answers, strict=True):
        results[index] = _refused(index, answer) if isinstance(answer, Problem) else _result(index, answer)
    return Answer(207, msgspec.json.encode({"items": results}))


def _refused(index: int, problem: Problem) -> dict[str, Any]:
    return {"index": index, "status": problem.status, "problem": problem.document()}


def _result(index: int, told: Told) -> dict[str, Any]:
    return {
        "index": index,
        "status": 201 if told.outcome == "STORED" else 200,
        "outcome": told.outcome,
        "id": public_id(CONFIRMATION, told.confirmation_id),
        "stands": told.status,
        "trade": None if told.trade_id is None else public_id(TRADE, told.trade_id),
        "differences": told.differences,
    }


def _document(row: dict[str, Any]) -> dict[str, Any]:
    trade_id = row.pop("trade_id")
    return {
        **row,
        "id": public_id(CONFIRMATION, row["id"]),
        "trade": None if trade_id is None else public_id(TRADE, trade_id),
    }


def read_said(data: bytes) -> Said:
    """Read what a counterparty says, a JSON object; Problem 400 with every fault of it."""
    body = JsonBody(data, known=tuple(schema.FIELDS))
    trade = body.text("trade", max_length=40)
    read: dict[str, Any] = {
        "party": body.text("party", required=True, max_length=64),
        "reference": body.text("reference", required=True, max_length=128),
        "version": body.whole("version"),
        "action": body.text("action") or ConfirmationVersion.Action.CONFIRM.value,
        "product": body.text("product", required=True),
        "side": body.text("side", required=True),
        "currency": body.text("currency", required=True, max_length=3),
        "trade_date": body.day("trade_date", required=True),
        "trade_id": None if trade is None else database_id(TRADE, trade),
        "source": body.text("source", max_length=64),
        "source_ref": body.text("source_ref", max_length=128),
        "instrument": body.text("instrument", max_length=64),
        "quantity": _decimal(body, "quantity", MAX_DECIMALS),
        "price": _decimal(body, "price", MAX_DECIMALS),
        "net_amount": _decimal(body, "net_amount", AMOUNT_DECIMALS),
        "contra_currency": body.text("contra_currency", max_length=3),
        "contra_amount": _decimal(body, "contra_amount", AMOUNT_DECIMALS),
        "settlement_date": body.day("settlement_date"),
    }
    if read["version"] is None or not 1 <= read["version"] <= VERSION_MAX:
        body.faults.append(Fault("/version", f"A whole number from 1 to {VERSION_MAX:,}.", "type"))
    if trade is not None and read["trade_id"] is None:
        body.faults.append(Fault("/trade", "Not a trade's id.", "type"))
    if (read["source"] is None) != (read["source_ref"] is None) or (trade and read["source"]):
        body.faults.append(
            Fault("", "Either the trade, or its source and source_ref, or neither.", "missing")
        )
    for name, choices in _CHOICES.items():
        if read[name] is not None and read[name] not in choices:
            body.faults.append(Fault(f"/{name}", f"One of {', '.join(choices)}.", "unknown"))
    for name in ("trade_date", "settlement_date"):
        if read[name] is not None and (fault := date_fault(read[name])):
            body.faults.append(Fault(f"/{name}", f"It {fault}.", "range"))
    body.check()
    return Said(**read)


_CHOICES = {
    "action": tuple(ConfirmationVersion.Action.values),
    "product": tuple(PRODUCTS),
    "side": ("BUY", "SELL"),
}


def _decimal(body: JsonBody, name: str, decimals: int) -> Decimal | None:
    value = body.decimal(name)
    if value is not None and (fault := decimal_fault(value, decimals)):
        body.faults.append(Fault(f"/{name}", f"It {fault}.", "range"))
        return None
    return value
