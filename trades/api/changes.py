"""Amendments, cancellations and allocations of one trade: under `If-Match`, with a reason, and with a dry run that says
it all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.cursor import page
from core.http.idempotency import Answer, answer_once, to_response
from core.http.moments import as_of
from core.http.problem import Fault, Problem, unreadable
from core.http.views import OneForm, RawParser, client_of, json_response
from core.ids import PROPOSAL, TRADE, public_id
from core.money import format_amount, format_number
from trades.api import schema
from trades.api.documents import trade_document, trade_links
from trades.api.reads import read_parts
from trades.api.views import MAX_TRADE_BYTES, foreign_book, visible_trade, wants_dry_run
from trades.products._reading import control_faults
from trades.selectors import as_of as past
from trades.services.change import Change
from trades.services.single_change import Answered, PartMade, change_trade
from trades.services.supersession import Cause

MAX_SOURCE_VERSION = 2_000_000_000
UNTYPED = msgspec.json.Decoder(float_hook=Decimal)
_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')


class _Change(APIView):
    """What an amendment, a cancellation and an allocation have in common."""

    scopes: ClassVar = {"POST": "trades:write"}
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm
    kind: ClassVar[Cause]

    def change(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        if len(body) > MAX_TRADE_BYTES:
            raise Problem(413, "too-large", f"A change is at most {MAX_TRADE_BYTES:,} bytes.")
        row = visible_trade(request, reference)
        change = read_change(body, kind=self.kind, trade_id=row["trade_id"], if_match=_if_match(request))
        book = change.changes.get("book") if isinstance(change.changes, dict) else None
        if isinstance(book, str) and not client.sees(book):
            raise foreign_book(client, book, "/changes/book")
        dry_run = wants_dry_run(request)

        def act() -> Answer:
            answered = change_trade(
                change=change, actor=client.actor(), now=now, dry_run=dry_run, client_id=client.id
            )
            if client.keys is not None:  # the legs that it nets with may be another desk's
                answered = replace(answered, effects={})
            return change_answer(answered, dry_run=dry_run)

        if dry_run:
            return to_response(act())
        return answer_once(request, client=client, now=now, body=body, act=act)


class TradeAmendments(_Change):
    """Amend one trade."""

    of_desks: ClassVar = frozenset({"POST"})
    kind = "AMEND"

    @schema.amend_trade
    def post(self, request: Request, reference: str) -> HttpResponse:
        return self.change(request, reference)


class TradeCancellations(_Change):
    """Cancel one trade."""

    of_desks: ClassVar = frozenset({"POST"})
    kind = "CANCEL"

    @schema.cancel_trade
    def post(self, request: Request, reference: str) -> HttpResponse:
        return self.change(request, reference)


class TradeAllocations(_Change):
    """Divide a block into parts, or into others; list the parts of a block."""

    scopes: ClassVar = {"GET": "trades:read", "POST": "trades:write"}
    of_desks: ClassVar = frozenset({"GET"})
    kind = "ALLOCATE"

    @schema.allocate_trade
    def post(self, request: Request, reference: str) -> HttpResponse:
        return self.change(request, reference)

    @schema.list_allocations
    def get(self, request: Request, reference: str) -> HttpResponse:
        where = as_of(request, now=utc_now())
        row = visible_trade(request, reference, where)
        parts = read_parts(row["trade_id"]) if where is None else past.read_parts(row["trade_id"], where)
        return json_response(page([trade_document(part) for part in parts], next_key=None))


def _if_match(request: Request) -> list[str]:
    """Return the ETags of which the trade must have one; Problem 428 when the request names none."""
    header = request.headers.get("If-Match", "")
    found = _ETAG.findall(header)
    if not found:
        raise Problem(
            428,
            "precondition-required",
            "This request needs an If-Match header.",
            detail="Send the ETag of the trade as you have seen it.",
            faults=[Fault("header:If-Match", "The ETag of the trade.", "missing")],
        )
    return found


def read_change(body: bytes, *, kind: Cause, trade_id: int, if_match: list[str] | None) -> Change:
    """Return what a body asks of a trade; Problem 400 with every fault of its form.

    Whether the reason and the changes say enough is for the service to judge.
    """
    try:
        document = UNTYPED.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable([Fault("", f"This is not JSON: {error}.", "malformed")]) from None
    if not isinstance(document, dict):
        raise unreadable([Fault("", "A change is a JSON object.", "type")])
    return change_of(document, kind=kind, trade_id=trade_id, if_match=if_match, more=("amount",))


# What may stand in a change beside its reason.
_FIELDS: dict[Cause, tuple[str, ...]] = {
    "AMEND": ("changes", "source_version", "effective_at"),
    "CANCEL": ("source_version", "effective_at"),
    "ALLOCATE": ("changes", "items"),
}


def change_of(
    document: dict[str, Any],
    *,
    kind: Cause,
    trade_id: int,
    if_match: list[str] | None,
    more: Sequence[str] = (),
) -> Change:
    """Return what a JSON object asks of a trade; Problem 400 with every fault of its form.

    more: fields that it may have besides; those of one of many know no amount, as a change that needs an approval is
    asked for by itself.
    """
    known = {"reason", *_FIELDS[kind], *more}
    faults = [
        Fault(f"/{name}", "There is no such field.", "unknown-field")
        for name in document
        if name not in known
    ]
    faults += control_faults({name: document[name] for name in ("changes", "items") if name in document}, "")
    reason = document.get("reason", "")
    if not isinstance(reason, str):
        faults.append(Fault("/reason", "A text.", "type"))
    amount = document.get("amount", "")
    if not isinstance(amount, str):
        faults.append(Fault("/amount", "A decimal number, as a text.", "type"))
    count = document.get("source_version")
    if count is not None and not _is_count(count):
        faults.append(Fault("/source_version", f"A whole number from 1 to {MAX_SOURCE_VERSION}.", "range"))
    effective_at = _moment(document.get("effective_at"), faults)
    if faults:
        raise unreadable(faults, title="This cannot be read as a change.")
    return Change(
        kind=kind,
        trade_id=trade_id,
        reason=reason.strip(),
        changes=document.get("changes"),
        source_version=count,
        effective_at=effective_at,
        if_match=if_match,
        items=document.get("items"),
        amount=amount,
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_SOURCE_VERSION


def _moment(value: Any, faults: list[Fault]) -> datetime | None:
    """Return a moment in UTC, or add what is wrong with it."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None and 1970 <= moment.year <= 2199:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    faults.append(Fault("/effective_at", "A moment with its offset, RFC 3339.", "type"))
    return None


def change_answer(answered: Answered, *, dry_run: bool) -> Answer:
    """Return the answer to a change: 200 when it was made or only foreseen, 202 when it waits for approval."""
    waits = answered.proposal_id is not None
    reference = public_id(TRADE, answered.changed.trade_id)
    document: dict[str, Any] = {
        "trade": reference,
        "dry_run": dry_run,
        "outcome": "PROPOSED" if waits else answered.changed.outcome.value,
        "needs_approval": answered.needs_approval,
        "version": answered.changed.version,
        "status": answered.state.name,
        "changes": [{"pointer": pointer, **each} for pointer, each in answered.changed.told.items()],
        "effects": answered.effects,
        "links": trade_links(reference),
    }
    if answered.parts:
        document["parts"] = [_part(each) for each in answered.parts]
    if answered.needs_approval:
        document["approval"] = {
            "amount": answered.amount,
            "currency": settings.BASE_CURRENCY,
            "amount_required": answered.to_type,
        }
    if answered.proposal_id is not None:
        document["proposal"] = public_id(PROPOSAL, answered.proposal_id)
    headers = {} if dry_run or waits else {"ETag": answered.etag}
    return Answer(202 if waits else 200, encode(document).encode(), headers)


def _part(part: PartMade) -> dict[str, Any]:
    """Return a part that an allocation makes, or would make: then it has no id."""
    row = part.row
    contra = row["contra_currency"]
    return {
        "id": None if part.trade_id is None else public_id(TRADE, part.trade_id),
        "source_ref": part.source_ref,
        "status": part.state.name,
        "book": row["book_ref"],
        "counterparty": row["counterparty_ref"],
        "quantity": format_number(row["quantity"]),
        "currency": row["currency"],
        "gross_amount": format_amount(row["gross_amount"], row["currency"]),
        "net_amount": format_amount(row["net_amount"], row["currency"]),
        "contra_currency": contra,
        "contra_amount": format_amount(row["contra_amount"], contra) if contra else None,
    }
