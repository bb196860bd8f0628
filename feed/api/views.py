"""The feed for whoever listens, and the webhooks that are told. A view makes one service call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.cursor import decode_cursor, encode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.problem import Problem, not_found
from core.http.views import RawParser, client_of, json_response
from core.ids import WEBHOOK, database_id, public_id
from core.sql import json_value
from feed import models
from feed.api import schema
from feed.api.reading import (
    DEFAULT_OVERLAP,
    MAX_OVERLAP,
    Body,
    read_delivery_state,
    read_position,
    read_replay,
    read_revision,
    read_selection,
    read_wait,
)
from feed.documents import delivery_document, event_cursor, event_document, webhook_document
from feed.services import webhooks
from feed.services.log import read_log
from feed.services.state import hash_states
from feed.services.wait import read_or_wait


class Events(APIView):
    """Everything that happened, in order, from any point on; no commit, however late, is skipped."""

    scopes: ClassVar = {"GET": "events:read"}

    @schema.read_events
    def get(self, request: Request) -> HttpResponse:
        found = read_or_wait(
            after=read_position(request, "after"),
            limit=limit_of(request),
            selection=read_selection(request, client_of(request)),
            wait_seconds=read_wait(request),
        )
        items = [event_document(each) for each in found.events]
        return json_response(
            {
                "items": items,
                "next": encode_cursor(found.next.key()),
                "more": found.more,
                "complete_up_to": found.next.event_id,
            }
        )


class StateHash(APIView):
    """One hash of where all trades stand, for a reader to compare with what it made of the events."""

    scopes: ClassVar = {"GET": "events:read"}

    @schema.read_state_hash
    def get(self, request: Request) -> HttpResponse:
        if client_of(request).sources:
            raise Problem(403, "bound-to-sources", "Only a client of every source can compare all trades.")
        found = hash_states()
        return json_response(
            {
                "trades": found.trades,
                "sha256": found.sha256,
                "event_id": found.event_id,
                "cursor": event_cursor(found.event_id),
            }
        )


def webhook_id_of(reference: str) -> int:
    """Return the database id behind a webhook's reference; Problem 404 when it is none."""
    number = database_id(WEBHOOK, reference)
    if number is None:
        raise not_found("webhook")
    return number


def _secret_answer(webhook: models.Webhook, secret: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer that shows a secret, of which only the version is stored (docs/adr/0036)."""
    shown = webhook_document(webhook, secret=secret)
    stored = {**shown, "secret": webhook.secret_version}
    return Answer(201, encode(shown).encode(), headers or {}, stored=encode(stored).encode())


def _with_secret(stored: bytes) -> bytes:
    """Return the body of such an answer again."""
    document = json_value(stored.decode())
    number = webhook_id_of(document["id"])
    secret = webhooks.secret_at(webhook_id=number, version=document["secret"])
    return encode({**document, "secret": secret}).encode()


class Webhooks(APIView):
    """The webhooks of the client: set one up, or list them."""

    scopes: ClassVar = {"GET": "webhooks:write", "POST": "webhooks:write"}
    parser_classes = (RawParser,)

    @schema.list_webhooks
    def get(self, request: Request) -> HttpResponse:
        after, limit = decode_cursor(request.query_params.get("cursor", ""), parts=1), limit_of(request)
        found = webhooks.own_webhooks(client_of(request).id).filter(id__gt=after[0] if after else 0)
        rows = list(found.order_by("id")[:limit])
        more = (rows[-1].id,) if len(rows) == limit else None
        return json_response(page([webhook_document(each) for each in rows], next_key=more))

    @schema.create_webhook
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        read = Body(body, known=("url", "types", "after"))
        url, types, after = read.text("url", required=True), read.texts("types"), read.event_id("after")
        read.check()

        def act() -> Answer:
            made, secret = webhooks.create_webhook(
                client_id=client.id,
                sources=client.sources,
                url=url or "",
                types=types or (),
                after=after,
                actor=client.actor(),
                now=now,
            )
            where = {
                "Location": f"/api/v1/webhooks/{public_id(WEBHOOK, made.id)}",
                "ETag": f'"{made.revision}"',
            }
            return _secret_answer(made, secret, where)

        return answer_once(request, client=client, now=now, body=body, act=act, restore=_with_secret)


class Webhook(APIView):
    """One webhook: read it, change its address and types, turn it off and on."""

    scopes: ClassVar = {"GET": "webhooks:write", "PATCH": "webhooks:write"}
    parser_classes = (RawParser,)

    @schema.read_webhook
    def get(self, request: Request, reference: str) -> HttpResponse:
        found = webhooks.find_webhook(client_id=client_of(request).id, webhook_id=webhook_id_of(reference))
        answer = json_response(webhook_document(found))
        answer["ETag"] = f'"{found.revision}"'
        return answer

    @schema.change_webhook
    def patch(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        revision = read_revision(request)
        read = Body(body, known=("url", "types", "active"))
        url, types, active = read.text("url"), read.texts("types"), read.flag("active")
        read.check()

        def act() -> Answer:
            changed = webhooks.change_webhook(
                client_id=client_of(request).id,
                webhook_id=webhook_id_of(reference),
                revision=revision,
                url=url,
                types=types,
                is_active=active,
                actor=client.actor(),
                now=now,
            )
            return Answer(200, encode(webhook_document(changed)).encode(), {"ETag": f'"{changed.revision}"'})

        return answer_once(request, client=client, now=now, body=body, act=act)


class WebhookSecrets(APIView):
    """Give a webhook a new secret; the one before signs too for a while."""

    scopes: ClassVar = {"POST": "webhooks:write"}
    parser_classes = (RawParser,)

    @schema.rotate_secret
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        read = Body(body, known=("overlap_seconds",))
        overlap = read.seconds("overlap_seconds", default=DEFAULT_OVERLAP, most=MAX_OVERLAP)
        read.check()

        def act() -> Answer:
            webhook, secret = webhooks.rotate_secret(
                client_id=client_of(request).id,
                webhook_id=webhook_id_of(reference),
                overlap=overlap,
                actor=client.actor(),
                now=now,
            )
            return _secret_answer(webhook, secret)

        return answer_once(request, client=client, now=now, body=body, act=act, restore=_with_secret)


class WebhookDeliveries(APIView):
    """What was sent to a webhook, the newest first, with every attempt."""

    scopes: ClassVar = {"GET": "webhooks:write"}

    @schema.list_deliveries
    def get(self, request: Request, reference: str) -> HttpResponse:
        before, limit = decode_cursor(request.query_params.get("cursor", ""), parts=1), limit_of(request)
        webhook = webhooks.find_webhook(client_id=client_of(request).id, webhook_id=webhook_id_of(reference))
        rows = read_log(
            webhook_id=webhook.id,
            state=read_delivery_state(request),
            before=before[0] if before else None,
            limit=limit,
        )
        more = (rows[-1][0].id,) if len(rows) == limit else None
        return json_response(page([delivery_document(*each) for each in rows], next_key=more))


class WebhookReplays(APIView):
    """Tell a webhook again: of one delivery, or of all events in a range."""

    scopes: ClassVar = {"POST": "webhooks:write"}
    parser_classes = (RawParser,)

    @schema.replay
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        asked = read_replay(body)

        def act() -> Answer:
            count = webhooks.replay(
                client_id=client_of(request).id,
                webhook_id=webhook_id_of(reference),
                delivery_id=asked.delivery_id,
                after=asked.after,
                until=asked.until,
                reason=asked.reason,
                actor=client.actor(),
                now=now,
            )
            return Answer(202, encode({"deliveries": count}).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)
