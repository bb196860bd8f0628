"""Checks over the API: what they are, how they are set, and proposals to set them otherwise."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.problem import Problem
from core.http.views import RawParser, client_of, json_response
from core.ids import BACK_TEST, PROPOSAL, database_id, public_id
from risk.api.checks import schema
from risk.api.checks.documents import affected_document, back_test_document, check_document
from risk.api.checks.reading import read_back_test, read_proposal
from risk.services.back_test import affected_trades, cancel_back_test, find_back_test, start_back_test
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


class BackTests(APIView):
    """Start a back-test: what would a check, set otherwise, have said of the trades of the last days?"""

    scopes: ClassVar = {"POST": "checks:write"}
    parser_classes = (RawParser,)

    @schema.start_back_test
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        asked = read_back_test(body)

        def act() -> Answer:
            back_test_id = start_back_test(
                proposal_id=asked.proposal_id,
                code=asked.code,
                draft=asked.draft,
                days=asked.days,
                actor=client.actor(),
                now=now,
            )
            where = {"Location": f"/api/v1/back-tests/{public_id(BACK_TEST, back_test_id)}"}
            return Answer(202, encode(back_test_document(find_back_test(back_test_id))).encode(), where)

        return answer_once(request, client=client, now=now, body=body, act=act)


class BackTest(APIView):
    """How far a back-test has come, and its figures."""

    scopes: ClassVar = {"GET": "checks:read"}

    @schema.read_back_test
    def get(self, request: Request, reference: str) -> HttpResponse:
        return json_response(back_test_document(find_back_test(database_id(BACK_TEST, reference))))


class BackTestTrades(APIView):
    """The trades of which the check would say something else, in the order of capture."""

    scopes: ClassVar = {"GET": "checks:read"}

    @schema.list_back_test_trades
    def get(self, request: Request, reference: str) -> HttpResponse:
        if client_of(request).sources:
            raise Problem(
                403, "bound-to-sources", "Only a client of every source may see trades of them all."
            )
        after, limit = decode_cursor(request.query_params.get("cursor", ""), parts=1), limit_of(request)
        found = find_back_test(database_id(BACK_TEST, reference))
        rows = affected_trades(found.id, after=after[0] if after else 0, limit=limit)
        more = (rows[-1].trade_id,) if len(rows) == limit else None
        return json_response(page([affected_document(each) for each in rows], next_key=more))


class BackTestCancellation(APIView):
    """Stop a back-test; what it has counted stays."""

    scopes: ClassVar = {"POST": "checks:write"}
    parser_classes = (RawParser,)

    @schema.cancel_back_test
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        back_test_id = find_back_test(database_id(BACK_TEST, reference)).id

        def act() -> Answer:
            cancelled = cancel_back_test(back_test_id=back_test_id, now=now)
            return Answer(200, encode(back_test_document(cancelled)).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)
