"""Statements over the API: sent as a file, or tried without being stored; listed and read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.authentication import Client
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.problem import Fault, Problem, not_found, unreadable
from core.http.views import RawParser, client_of, json_response
from core.ids import STATEMENT, database_id, public_id
from ledger.api import statements_schema as schema
from ledger.selectors.statements import list_statements, read_statement
from ledger.services.arrivals import receive_statement
from ledger.services.statements import Preview, Sent, preview_statement, refusal


class Statements(APIView):
    """What has come, and the door for more."""

    scopes: ClassVar = {"GET": "reconciliations:read", "POST": "statements:write"}
    parser_classes = (RawParser,)

    @schema.list_all
    def get(self, request: Request) -> HttpResponse:
        limit, after = limit_of(request), decode_cursor(request.query_params.get("cursor", ""), parts=1)
        found = list_statements(
            kind=request.query_params.get("kind", "").replace("\0", ""),
            source=request.query_params.get("source", "").replace("\0", ""),
            before=after[0] if after else None,
            limit=limit + 1,
        )
        more = [found[limit - 1]["id"]] if len(found) > limit else None
        return json_response(page([statement_document(each) for each in found[:limit]], next_key=more))

    @schema.send
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        sent, dry_run = _sent(request, body, client)
        if dry_run:
            return json_response(_tried(preview_statement(sent=sent, now=now)))

        def act() -> Answer:
            stored = receive_statement(sent=sent, actor=client.actor(), now=now)
            found = read_statement(stored.statement_id)
            assert found is not None  # noqa: S101 - it was just stored, or was there
            reference = public_id(STATEMENT, stored.statement_id)
            headers = {"Location": f"/api/v1/statements/{reference}"}
            return Answer(201 if stored.is_new else 200, encode(statement_document(found)).encode(), headers)

        return answer_once(request, client=client, now=now, body=body, act=act)


class Statement(APIView):
    """One statement, without its lines."""

    scopes: ClassVar = {"GET": "reconciliations:read"}

    @schema.read
    def get(self, request: Request, reference: str) -> HttpResponse:
        number = database_id(STATEMENT, reference)
        found = read_statement(number) if number else None
        if found is None:
            raise not_found("statement")
        return json_response(statement_document(found))


def _sent(request: Request, body: bytes, client: Client) -> tuple[Sent, bool]:
    """Return the file of a request, and whether it is only tried; Problem 400 with every fault of its parameters."""
    given, faults = request.query_params, list[Fault]()
    texts = {name: given.get(name, "") for name in ("kind", "source", "business_date", "revision", "dry_run")}
    for name in ("kind", "source"):
        if not texts[name]:
            faults.append(Fault(f"query:{name}", "This parameter is required.", "missing"))
    day = None
    try:
        day = date.fromisoformat(texts["business_date"]) if texts["business_date"] else None
    except ValueError:
        faults.append(Fault("query:business_date", "A date such as 2026-11-23.", "type"))
    revision = texts["revision"]
    if revision and not (revision.isascii() and revision.isdecimal() and len(revision) <= 4):
        faults.append(Fault("query:revision", "A whole number from 1 on.", "type"))
    if texts["dry_run"] not in ("", "true", "false"):
        faults.append(Fault("query:dry_run", "Either true or false.", "type"))
    if faults:
        raise unreadable(faults)
    if not client.may_use(texts["source"]):
        raise Problem(403, "foreign-source", "This client may not send for that source.")
    sent = Sent(
        texts["kind"],
        texts["source"],
        body,
        request.content_type or "",
        day,
        int(revision) if revision else None,
    )
    return sent, texts["dry_run"] == "true"


def _tried(preview: Preview) -> dict[str, Any]:
    if preview.parsed.fault_count:
        raise refusal(preview.parsed)
    return {
        "dry_run": True,
        "business_date": preview.business_date,
        "format": preview.format.code,
        "lines": len(preview.parsed.lines),
        "balances": [each.content() for each in preview.parsed.balances],
    }


def statement_document(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a statement as JSON-ready data."""
    names = ("kind", "source", "business_date", "revision", "in_force", "format", "file_name", "sha256")
    return {
        "id": public_id(STATEMENT, found["id"]),
        **{name: found[name] for name in names},
        "lines": found["line_count"],
        **{name: found[name] for name in ("balances", "received_at", "received_by")},
    }
