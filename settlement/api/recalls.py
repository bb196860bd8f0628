"""Recalls: what operations want back of a back-office system, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import utc_now
from core.http.cursor import page
from core.http.idempotency import Answer, answer_once
from core.http.problem import not_found
from core.http.views import RawParser, client_of, json_response
from core.ids import BATCH, RECALL, database_id, public_id
from settlement.api import recalls_schema as schema
from settlement.api.reading import read_recall_answer
from settlement.selectors import recalls_asked_of
from settlement.services.recall_batch import answer_recall


class Recalls(APIView):
    """The requests that wait for the client's answer."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.list_recalls
    def get(self, request: Request) -> HttpResponse:
        found = recalls_asked_of(client_of(request).id)
        return json_response(page([_document(row) for row in found], next_key=None))


class RecallAnswers(APIView):
    """Consent to the recall of a batch, or refuse it."""

    scopes: ClassVar = {"POST": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.answer_recall
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        recall_id, (consents, reason) = database_id(RECALL, reference), read_recall_answer(body)
        if recall_id is None:
            raise not_found("recall")

        def act() -> Answer:
            state = answer_recall(
                recall_id=recall_id,
                consents=consents,
                reason=reason,
                client=client,
                actor=client.actor(),
                now=now,
            )
            return Answer(200, msgspec.json.encode({"id": reference, "state": state}))

        return answer_once(request, client=client, now=now, body=body, act=act)


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": public_id(RECALL, row["id"]),
        "batch": public_id(BATCH, row["batch_id"]),
        **{name: row[name] for name in ("state", "reason", "requested_at")},
    }
