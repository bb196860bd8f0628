"""Holds: what is kept from being sealed, until it is released or its last day is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import utc_now
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.moments import as_of_list, next_key
from core.http.problem import not_found
from core.http.views import RawParser, client_of, json_response
from core.ids import HOLD, INSTRUCTION, PROPOSAL, TRADE, database_id, public_id
from settlement.api import holds_schema as schema
from settlement.api.reading import read_hold, read_reason
from settlement.holds import list_holds
from settlement.services.hold import make_hold, release_hold

_LISTED = 1_000  # instructions named of what a hold touches
_PREFIXES = {"TRADE": TRADE, "INSTRUCTION": INSTRUCTION}


class Holds(APIView):
    """What is held, and hold something."""

    scopes: ClassVar = {"GET": "settlement:read", "POST": "settlement:operate"}
    parser_classes = (RawParser,)

    @schema.list_holds
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        where, after = as_of_list(request, now=utc_now())
        if where is None:
            after = (decode_cursor(request.query_params.get("cursor", ""), parts=1) or (0,))[0]
        rows = list_holds(
            in_force=request.query_params.get("in_force", "true") != "false",
            after=after,
            limit=limit,
            as_of=where,
        )
        last = rows[-1]["id"] if len(rows) == limit else None
        more = None if last is None else (last,) if where is None else next_key(where, last)
        return json_response(page([hold_document(row) for row in rows], next_key=more))

    @schema.make_hold
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        wanted, reason = read_hold(body)

        def act() -> Answer:
            made = make_hold(wanted=wanted, reason=reason, actor=client.actor(), now=now)
            document = {
                "id": public_id(HOLD, made.id),
                "made_at": now,
                "recalled_count": len(made.recalled),
                "recalled": [public_id(INSTRUCTION, each) for each in made.recalled[:_LISTED]],
                "claimed_count": len(made.claimed),
                "claimed": [public_id(INSTRUCTION, each) for each in made.claimed[:_LISTED]],
            }
            return Answer(201, msgspec.json.encode(document))

        return answer_once(request, client=client, now=now, body=body, act=act)


class HoldReleases(APIView):
    """Release what is held, or propose it where two people must."""

    scopes: ClassVar = {"POST": "settlement:operate"}
    parser_classes = (RawParser,)

    @schema.release_hold
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        hold_id, reason = database_id(HOLD, reference), read_reason(body)
        if hold_id is None:
            raise not_found("hold")

        def act() -> Answer:
            proposal = release_hold(
                hold_id=hold_id, reason=reason, user=None, client_id=client.id, actor=client.actor(), now=now
            )
            if proposal is None:
                document = {"id": public_id(HOLD, hold_id), "status": "RELEASED"}
                return Answer(200, msgspec.json.encode(document))
            document = {"proposal": public_id(PROPOSAL, proposal), "status": "PENDING"}
            return Answer(202, msgspec.json.encode(document))

        return answer_once(request, client=client, now=now, body=body, act=act)


def hold_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a hold as JSON-ready data."""
    prefix = _PREFIXES.get(row["kind"])
    return {
        "id": public_id(HOLD, row["id"]),
        "kind": row["kind"],
        "subject": public_id(prefix, row["subject_id"]) if prefix else row["party_code"],
        "channel": row["channel"] or None,
        "asset": row["asset"] or None,
        **{name: row[name] for name in ("reason", "until", "made_by", "made_at", "ended_at")},
        "ended_by": row["ended_by"] or None,
        "end_reason": row["end_reason"] or None,
    }
