"""What counterparties confirm: posted many at a time with a result for each, and listed as they stand."""

from __future__ import annotations

from datetime import datetime
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
from trades.models import Confirmation
from trades.selectors.confirmations import list_confirmations, list_policies
from trades.services.confirmation import Said, Told, confirm_trades
from trades.services.confirmation_files import read_said
from trades.services.confirmation_policy import propose_policy

ITEMS_MAX = 5_000
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
        body = JsonBody(request.body, known=schema.POLICY_FIELDS)
        reason = body.text("reason", required=True)
        asked: dict[str, Any] = {
            "product": body.text("product", max_length=64) or "",
            "party": body.text("party", max_length=64) or "",
            "demanded": body.flag("demanded"),
            "overdue_after_hours": body.whole("overdue_after_hours"),
            "remind_every_hours": body.whole("remind_every_hours"),
            "mail_to": body.text("mail_to", max_length=254) or "",
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
