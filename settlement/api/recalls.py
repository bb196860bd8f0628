"""Recalls: what operations want back of a back-office system, a batch or one instruction, and its answer."""

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
from core.ids import BATCH, INSTRUCTION, RECALL, database_id, public_id
from settlement.api import recalls_schema as schema
from settlement.api.reading import read_reason, read_recall_answer
from settlement.selectors import recalls_asked_of
from settlement.services.recall_answer import answer_recall
from settlement.services.recall_asked import RECALLED
from settlement.services.recall_line import recall_instruction


class Recalls(APIView):
    """The requests that wait for the client's answer."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.list_recalls
    def get(self, request: Request) -> HttpResponse:
        found = recalls_asked_of(client_of(request).id)
        return json_response(page([_document(row) for row in found], next_key=None))


class InstructionRecalls(APIView):
    """Recall one instruction: at once before its batch is claimed, else by the consumer's consent."""

    scopes: ClassVar = {"POST": "settlement:operate"}
    parser_classes = (RawParser,)

    @schema.recall_instruction
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        instruction_id, reason = database_id(INSTRUCTION, reference), read_reason(body)
        if instruction_id is None:
            raise not_found("instruction")

        def act() -> Answer:
            state = recall_instruction(
                instruction_id=instruction_id, reason=reason, actor=client.actor(), now=now
            )
            document = {"instruction": public_id(INSTRUCTION, instruction_id), "state": state}
            return Answer(200 if state == RECALLED else 202, msgspec.json.encode(document))

        return answer_once(request, client=client, now=now, body=body, act=act)


class RecallAnswers(APIView):
    """Consent to the recall of a batch or of an instruction, or refuse it."""

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
        "instruction": public_id(INSTRUCTION, row["instruction_id"]) if row["instruction_id"] else None,
        **{name: row[name] for name in ("state", "reason", "requested_at")},
    }
