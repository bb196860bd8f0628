"""Corporate actions and how books count their lots, over the API: read, and proposed; a person approves."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.body import JsonBody
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.problem import Fault
from core.http.views import RawParser, client_of, json_response
from core.ids import PROPOSAL, public_id
from ledger.api import actions_schema as schema
from ledger.selectors.actions import action_content, list_actions
from ledger.services.action_files import FIELDS, read_action
from ledger.services.corporate_actions import AT_ONCE, ActionTerms, propose_actions
from ledger.services.lot_policies import PolicyTerms, propose_policy

_MAX_BYTES = 500_000


class CorporateActions(APIView):
    """Every action as its newest version says; and proposals of new ones, or of what shall hold of known ones."""

    scopes: ClassVar = {"GET": "positions:read", "POST": "positions:propose"}
    parser_classes = (RawParser,)

    @schema.list_actions
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=1)
        instrument = request.query_params.get("instrument", "").replace("\0", "") or None
        rows = list_actions(instrument=instrument, after=after[0] if after else 0, limit=limit)
        more = (rows[-1]["id"],) if len(rows) == limit else None
        return json_response(page([_document(row) for row in rows], next_key=more))

    @schema.propose_actions
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        actions, reason = read_actions(body)

        def act() -> Answer:
            proposal_ids = propose_actions(
                actions=actions,
                pointers=[f"/actions/{n}" for n in range(len(actions))],
                reason=reason,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            told = [
                {"reference": reference, "proposal": public_id(PROPOSAL, proposal_id), "state": "PENDING"}
                for (reference, _), proposal_id in zip(actions, proposal_ids, strict=True)
            ]
            return Answer(202, encode({"items": told}).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)


class LotPolicies(APIView):
    """Propose how a book counts its lots from a day on."""

    scopes: ClassVar = {"POST": "positions:propose"}
    parser_classes = (RawParser,)

    @schema.propose_policy
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        book, terms, valid_from, reason = read_policy(body)

        def act() -> Answer:
            proposal_id = propose_policy(
                book=book,
                terms=terms,
                valid_from=valid_from,
                reason=reason,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            told = {"book": book, "proposal": public_id(PROPOSAL, proposal_id), "state": "PENDING"}
            return Answer(202, encode(told).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)


def read_actions(body: bytes) -> tuple[list[tuple[str, ActionTerms]], str]:
    """Return the actions of a body with their references, and the reason; Problem 400 with every fault."""
    read = JsonBody(body, known=("actions", "reason"), most=_MAX_BYTES)
    reason, given = read.text("reason", required=True, max_length=1_000), read.given.get("actions")
    found = []
    if not isinstance(given, list) or not 1 <= len(given) <= AT_ONCE:
        read.faults.append(Fault("/actions", f"A list of 1 to {AT_ONCE} actions.", "type"))
        given = []
    for at, each in enumerate(given):
        if not isinstance(each, dict):
            read.faults.append(Fault(f"/actions/{at}", "An object.", "type"))
            continue
        inner = JsonBody(encode(each).encode(), known=FIELDS)
        action = read_action(inner)
        read.faults += [
            Fault(f"/actions/{at}{fault.pointer}", fault.detail, fault.code) for fault in inner.faults
        ]
        if action is not None:
            found.append(action)
    read.check()
    return found, reason or ""


def read_policy(body: bytes) -> tuple[str, PolicyTerms, date, str]:
    """Return the book of a body, how it shall count, from when and why; Problem 400 with every fault."""
    read = JsonBody(body, known=("book", "method", "opens_short", "with_fees", "valid_from", "reason"))
    book, method = read.text("book", required=True, max_length=100), read.text("method", required=True)
    valid_from, reason = read.day("valid_from", required=True), read.text("reason", required=True)
    opens_short, with_fees = read.flag("opens_short"), read.flag("with_fees")
    if "opens_short" not in read.given:
        read.faults.append(Fault("/opens_short", "This field is required.", "missing"))
    read.check()
    terms = PolicyTerms(method or "", bool(opens_short), bool(with_fees))
    return book or "", terms, valid_from or date.min, reason or ""


def _document(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "reference": row["reference"],
        "version": row["version"],
        **action_content(row),
        "proposal": public_id(PROPOSAL, row["proposal_id"]),
        "proposed_by": row["maker"],
        "approved_by": row["checker"],
        "approved_at": row["approved_at"],
        "reason": row["reason"],
    }
