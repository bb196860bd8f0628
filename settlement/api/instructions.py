"""One instruction, and every gross leg that is netted in it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.as_of import AsOf
from core.clock import utc_now
from core.http.cursor import decode_cursor, limit_of, page
from core.http.moments import as_of
from core.http.problem import not_found
from core.http.views import json_response
from core.ids import INSTRUCTION, database_id
from settlement.api import instructions_schema as schema
from settlement.api.documents import instruction_document, leg_document
from settlement.selectors import legs_behind, read_instruction


class Instruction(APIView):
    """One instruction: what it is, what it cancels and replaces, and what the back office said of it."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.read_instruction
    def get(self, request: Request, reference: str) -> HttpResponse:
        return json_response(instruction_document(_found(reference, as_of(request, now=utc_now()))))


class InstructionLegs(APIView):
    """The gross legs that are netted in an instruction, by trade and leg."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.read_legs
    def get(self, request: Request, reference: str) -> HttpResponse:
        limit = limit_of(request)
        trade_id, leg = decode_cursor(request.query_params.get("cursor", ""), parts=2) or (0, 0)
        rows = legs_behind(_found(reference)["id"], after=(trade_id, leg), limit=limit)
        last = (rows[-1]["trade_id"], rows[-1]["leg"]) if len(rows) == limit else None
        return json_response(page([leg_document(row) for row in rows], next_key=last))


def _found(reference: str, where: AsOf | None = None) -> dict[str, Any]:
    """Return an instruction, now or as it was; Problem 404 when there is none."""
    instruction_id = database_id(INSTRUCTION, reference)
    row = None if instruction_id is None else read_instruction(instruction_id, as_of=where)
    if row is None:
        raise not_found("settlement instruction")
    return row
