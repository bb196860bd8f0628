"""Checks over the API: what they are, how they are set, and proposals to set them otherwise."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.cursor import page
from core.http.idempotency import Answer, answer_once
from core.http.views import RawParser, client_of, json_response
from core.ids import PROPOSAL, public_id
from risk.api.checks import schema
from risk.api.checks.documents import check_document
from risk.api.checks.reading import read_proposal
from risk.services.check_views import view_check, view_checks
from risk.services.parameters import propose_parameters


class Checks(APIView):
    """Every check as it is set now."""

    scopes: ClassVar = {"GET": "checks:read"}

    @schema.list_checks
    def get(self, request: Request) -> HttpResponse:
        return json_response(
            page([check_document(each) for each in view_checks(now=utc_now())], next_key=None)
        )


class Check(APIView):
    """One check: what it is, how it is set, and every version of that."""

    scopes: ClassVar = {"GET": "checks:read"}

    @schema.read_check
    def get(self, request: Request, code: str) -> HttpResponse:
        return json_response(check_document(*view_check(code, now=utc_now())))


class Parameters(APIView):
    """Propose that a check be set otherwise; a person approves it."""

    scopes: ClassVar = {"POST": "checks:write"}
    parser_classes = (RawParser,)

    @schema.propose_parameters
    def post(self, request: Request, code: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        asked = read_proposal(body)

        def act() -> Answer:
            proposal_id = propose_parameters(
                code=code,
                draft=asked.draft,
                reason=asked.reason,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            reference = public_id(PROPOSAL, proposal_id)
            return Answer(202, encode({"proposal": reference, "check": code, "state": "PENDING"}).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)
