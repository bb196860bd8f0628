"""Claims: of one batch, of the next of a channel, and for longer."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import utc_now
from core.http.authentication import Client, require_scope
from core.http.cursor import page
from core.http.idempotency import Answer, answer_once
from core.http.problem import not_found
from core.http.views import RawParser, client_of, json_response
from core.ids import CLAIM, INSTRUCTION, database_id, public_id
from settlement.api import claims_schema as schema
from settlement.api.addressed import batch_id_of, batch_of, scope_of
from settlement.api.documents import claim_document
from settlement.api.reading import read_lease, read_next_claim
from settlement.selectors import claims_of, open_claims_of, recalled_in
from settlement.services.claim import Claim, claim_batch, claim_next, extend_claim, release_batch


class Claims(APIView):
    """Claim a batch, extend or give back the claim, and see who has it."""

    scopes: ClassVar = {"GET": "settlement:read", "POST": "settlement:ack", "DELETE": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.list_claims
    def get(self, request: Request, reference: str) -> HttpResponse:
        now = utc_now()
        claims = claims_of(batch_of(request, reference)["id"])
        return json_response(page([claim_document(row, now=now) for row in claims], next_key=None))

    @schema.claim
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        batch_id, seconds = batch_id_of(request, reference), read_lease(body)
        return answer_once(
            request,
            client=client,
            now=now,
            body=body,
            act=lambda: _claim(batch_id, client, seconds, now),
        )

    @schema.release
    def delete(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        batch_id = batch_id_of(request, reference)
        return answer_once(
            request, client=client, now=now, body=body, act=lambda: _release(batch_id, client, now)
        )


class OwnClaims(APIView):
    """Claim the next batch of a channel, and see what one holds."""

    scopes: ClassVar = {"GET": "settlement:read", "POST": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.own_claims
    def get(self, request: Request) -> HttpResponse:
        now = utc_now()
        claims = open_claims_of(client_of(request).id, now=now)
        return json_response(page([claim_document(row, now=now) for row in claims], next_key=None))

    @schema.claim_next
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        channel, seconds = read_next_claim(body)
        if (scope := scope_of(channel)) is not None:
            require_scope(client, scope)

        def act() -> Answer:
            claim = claim_next(
                channel=channel, client=client, lease_seconds=seconds, actor=client.actor(), now=now
            )
            return _answer(claim, now)

        return answer_once(request, client=client, now=now, body=body, act=act)


class Extensions(APIView):
    """Ask for more time with a batch that one holds."""

    scopes: ClassVar = {"POST": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.extend_claim
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        claim_id, seconds = database_id(CLAIM, reference), read_lease(body)
        if claim_id is None:
            raise not_found("claim")

        def act() -> Answer:
            claim = extend_claim(
                claim_id=claim_id, client=client, lease_seconds=seconds, actor=client.actor(), now=now
            )
            return _answer(claim, now)

        return answer_once(request, client=client, now=now, body=body, act=act)


def _claim(batch_id: int, client: Client, seconds: int, now: datetime) -> Answer:
    claim = claim_batch(
        batch_id=batch_id, client=client, lease_seconds=seconds, actor=client.actor(), now=now
    )
    return _answer(claim, now)


def _answer(claim: Claim, now: datetime) -> Answer:
    row = {
        "id": claim.id,
        "batch_id": claim.batch_id,
        "client_name": claim.client_name,
        "claimed_at": claim.claimed_at,
        "expires_at": claim.expires_at,
        "ended_at": None,
    }
    recalled, count = recalled_in(claim.batch_id)
    document = {
        **claim_document(row, now=now),
        "recalled": [public_id(INSTRUCTION, each) for each in recalled],
        "recalled_count": count,
    }
    return Answer(201 if claim.is_new else 200, msgspec.json.encode(document))


def _release(batch_id: int, client: Client, now: datetime) -> Answer:
    released = release_batch(batch_id=batch_id, client=client, actor=client.actor(), now=now)
    return Answer(200, msgspec.json.encode({"released": released}))
