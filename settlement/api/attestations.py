"""Attestations: what a day was, signed, and the back office's own counts against it."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import utc_now
from core.http.idempotency import Answer, answer_once
from core.http.problem import not_found
from core.http.views import RawParser, client_of, json_response
from core.sql import json_value
from settlement.api import attestations_schema as schema
from settlement.api.reading import read_counts
from settlement.services.attest import MEASURES, attest_day, compare_day


class Attestation(APIView):
    """What each channel has sealed and heard on a day; POST compares it with the client's own counts."""

    scopes: ClassVar = {"GET": "settlement:read", "POST": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.read_attestation
    def get(self, request: Request, day: str) -> HttpResponse:
        found = attest_day(day=_day(day), now=utc_now())
        return json_response(
            {
                "statement": json_value(found["statement"]),
                "key_id": found["key_id"],
                "signature": found["signature"],
            }
        )

    @schema.compare
    def post(self, request: Request, day: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        wanted, counts = _day(day), read_counts(body, measures=MEASURES)

        def act() -> Answer:
            breaks = compare_day(day=wanted, counts=counts, client=client, actor=client.actor(), now=now)
            return Answer(200, msgspec.json.encode({"date": wanted, "equal": not breaks, "breaks": breaks}))

        return answer_once(request, client=client, now=now, body=body, act=act)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise not_found("day") from None
