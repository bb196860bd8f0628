"""Adjustments of profit, read and proposed; and who has signed off what a day says of each book."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.body import JsonBody
from core.http.cursor import MAX_LIMIT, decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.views import RawParser, client_of, json_response
from core.ids import PROPOSAL, public_id
from core.money import format_amount
from ledger.api import profit_review_schema as schema
from ledger.api.profit import run_document, run_of
from ledger.selectors.profit_review import books_of, list_adjustments
from ledger.services.profit_adjustments import Adjustment, propose_adjustment

_FIELDS = ("book", "instrument", "currency", "amount", "valid_from", "reverses_on", "reason")


class Adjustments(APIView):
    """Every adjustment, the latest first; and proposals of new ones, which a person must approve."""

    scopes: ClassVar = {"GET": "profit:read", "POST": "profit:propose"}
    parser_classes = (RawParser,)

    @schema.list_adjustments
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        before = decode_cursor(request.query_params.get("cursor", ""), parts=1)
        rows = list_adjustments(before=before[0] if before else None, limit=limit)
        more = (rows[-1]["id"],) if len(rows) == limit else None
        return json_response(page([_adjustment(row) for row in rows], next_key=more))

    @schema.propose_adjustment
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        adjustment, reason = read_adjustment(body)

        def act() -> Answer:
            proposal_id = propose_adjustment(
                adjustment=adjustment, reason=reason, client_id=client.id, actor=client.actor(), now=now
            )
            told = {"proposal": public_id(PROPOSAL, proposal_id), "state": "PENDING"}
            return Answer(202, encode(told).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)


class SignOffs(APIView):
    """What a run of a day says of each book, and who has signed it off."""

    scopes: ClassVar = {"GET": "profit:read"}

    @schema.list_sign_offs
    def get(self, request: Request, day: str) -> HttpResponse:
        run = run_of(request, day)
        limit = limit_of(request) if "limit" in request.query_params else MAX_LIMIT
        after = decode_cursor(request.query_params.get("cursor", ""), parts=1)
        rows = books_of(run=run, after=after[0] if after else None, limit=limit)
        # What is of no known book comes last.
        more = (rows[-1]["book_id"],) if len(rows) == limit and rows[-1]["book"] else None
        return json_response({**run_document(run), **page([_book(run, row) for row in rows], next_key=more)})


def read_adjustment(body: bytes) -> tuple[Adjustment, str]:
    """Return the adjustment of a body and the reason for it; Problem 400 with every fault."""
    read = JsonBody(body, known=_FIELDS)
    book, instrument = (
        read.text("book", required=True, max_length=100),
        read.text("instrument", max_length=100),
    )
    currency, amount = (
        read.text("currency", required=True, max_length=3),
        read.decimal("amount", required=True),
    )
    first, last = read.day("valid_from", required=True), read.day("reverses_on", required=True)
    reason = read.text("reason", required=True, max_length=1_000)
    read.check()
    adjustment = Adjustment(
        book=book or "",
        instrument=instrument or "",
        currency=currency or "",
        amount=amount or Decimal(0),
        valid_from=first or date.min,
        reverses_on=last or date.min,
    )
    return adjustment, reason or ""


def _adjustment(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "book": row["book"],
        "instrument": row["instrument"] or None,
        "currency": row["currency"],
        "amount": format_amount(row["amount"], row["currency"]),
        "valid_from": row["valid_from"],
        "reverses_on": row["reverses_on"],
        "reason": row["reason"],
        "proposal": public_id(PROPOSAL, row["proposal_id"]),
        "proposed_by": row["maker"] or row["maker_client"],
        "approved_by": row["checker"],
        "approved_at": row["approved_at"],
    }


def _book(run: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    base = run["base_currency"]
    signed = {
        "run": row["signed_run"],
        "total": format_amount(row["signed_total"], base),
        "signed_at": row["signed_at"],
        "prepared_by": row["maker"],
        "signed_by": row["checker"],
    }
    return {
        "book": row["book"] or None,
        "total": format_amount(row["total"], base),
        "open_flags": row["open_flags"],
        "signed": signed if row["signed_run"] is not None else None,
        "difference": format_amount(row["difference"], base),
        "pending": row["pending_id"] and public_id(PROPOSAL, row["pending_id"]),
    }
