"""Limits, reservations and stops over HTTP: asked before the deal, decided by two people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import utc_now
from core.http.authentication import Client
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.problem import not_found
from core.http.views import RawParser, client_of, json_response
from core.ids import PROPOSAL, RESERVATION, STOP, TRADE, public_id
from core.money import format_number
from risk import selectors
from risk.api import schema
from risk.api.reading import (
    read_excess,
    read_question,
    read_reason,
    read_reservation,
    read_stop,
    read_terms,
    reservation_id,
    stop_id,
    worst_of,
)
from risk.models import Limit, Reservation, Stop
from risk.services import reservations, stops, terms


class LimitChecks(APIView):
    """Ask what deals would use of the limits; nothing happens."""

    scopes: ClassVar = {"POST": "limits:read"}
    parser_classes = (RawParser,)

    @schema.check_limits
    def post(self, request: Request) -> HttpResponse:
        messages = read_question(request.body, client_of(request))
        told = reservations.check_limits(messages=messages, now=utc_now())
        items = [
            {
                "index": index,
                "status": worst_of([line.status for line in lines]),
                "limits": [line.document() for line in lines],
            }
            for index, lines in enumerate(told)
        ]
        return json_response({"items": items})


class Reservations(APIView):
    """Hold room under the limits for a deal to come."""

    scopes: ClassVar = {"POST": "limits:reserve"}
    parser_classes = (RawParser,)

    @schema.reserve
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        message, seconds = read_reservation(body, client)

        def act() -> Answer:
            granted = reservations.reserve(
                message=message, seconds=seconds, client=client, actor=client.actor(), now=now
            )
            reference = public_id(RESERVATION, granted.id)
            document = {
                "id": reference,
                "status": Reservation.State.HELD.value,
                "expires_at": granted.expires_at,
                "limits": [line.document() for line in granted.lines],
            }
            where = {"Location": f"/api/v1/reservations/{reference}"}
            return Answer(201, msgspec.json.encode(document), where)

        return answer_once(request, client=client, now=now, body=body, act=act)


class OneReservation(APIView):
    """One reservation of the client: see it, or give its room back."""

    scopes: ClassVar = {"GET": "limits:reserve", "DELETE": "limits:reserve"}
    parser_classes = (RawParser,)

    @schema.read_reservation
    def get(self, request: Request, reference: str) -> HttpResponse:
        found = selectors.read_reservation(
            reservation_id=reservation_id(reference), client_id=client_of(request).id
        )
        if found is None:
            raise not_found("reservation")
        return json_response(
            {
                "id": reference,
                "status": found.state,
                "made_at": found.made_at,
                "expires_at": found.expires_at,
                "ended_at": found.ended_at,
                "trade": None if found.trade_id is None else public_id(TRADE, found.trade_id),
            }
        )

    @schema.release_reservation
    def delete(self, request: Request, reference: str) -> HttpResponse:
        def act(client: Client, now: datetime) -> Answer:
            released = reservations.release_reservation(
                reservation_id=reservation_id(reference), client=client, actor=client.actor(), now=now
            )
            return Answer(200, msgspec.json.encode({"released": released}))

        return _once(request, act)


class Limits(APIView):
    """The limits with their fullest members; and proposals of new ones and of other terms."""

    scopes: ClassVar = {"GET": "limits:read", "POST": "limits:propose"}
    parser_classes = (RawParser,)

    @schema.list_limits
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=1)
        rows = selectors.list_limits(after=after[0] if after else 0, limit=limit)
        members = selectors.members_of([row.id for row in rows])
        more = (rows[-1].id,) if len(rows) == limit else None
        return json_response(page([_limit_document(row, members[row.id]) for row in rows], next_key=more))

    @schema.propose_limit
    def post(self, request: Request) -> HttpResponse:
        wanted, reason = read_terms(request.body)

        def act(client: Client, now: datetime) -> Answer:
            return _proposed(
                terms.propose_terms(
                    terms=wanted, reason=reason, user=None, client_id=client.id, actor=client.actor(), now=now
                )
            )

        return _once(request, act)


class Excesses(APIView):
    """Propose that a member of a limit may use more for a while."""

    scopes: ClassVar = {"POST": "limits:propose"}
    parser_classes = (RawParser,)

    @schema.propose_excess
    def post(self, request: Request, code: str) -> HttpResponse:
        if "\0" in code:
            raise not_found("limit")
        key, amount, hours, reason = read_excess(request.body)

        def act(client: Client, now: datetime) -> Answer:
            return _proposed(
                terms.propose_temporary_excess(
                    code=code,
                    key=key,
                    amount=amount,
                    hours=hours,
                    reason=reason,
                    user=None,
                    client_id=client.id,
                    actor=client.actor(),
                    now=now,
                )
            )

        return _once(request, act)


class Stops(APIView):
    """Stop something at once, and see what is stopped."""

    scopes: ClassVar = {"GET": "stops:write", "POST": "stops:write"}
    parser_classes = (RawParser,)

    @schema.list_stops
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=1)
        rows = selectors.list_stops(
            after=after[0] if after else 0,
            limit=limit,
            in_force=request.query_params.get("in_force", "true") != "false",
        )
        more = (rows[-1].id,) if len(rows) == limit else None
        return json_response(page([_stop_document(row) for row in rows], next_key=more))

    @schema.make_stop
    def post(self, request: Request) -> HttpResponse:
        kind, key, reason = read_stop(request.body)

        def act(client: Client, now: datetime) -> Answer:
            made = stops.make_stop(kind=kind, key=key, reason=reason, actor=client.actor(), now=now)
            document = {"id": public_id(STOP, made), "kind": kind, "key": key, "made_at": now}
            return Answer(201, msgspec.json.encode(document))

        return _once(request, act)


class Lifts(APIView):
    """Propose to lift a stop."""

    scopes: ClassVar = {"POST": "stops:write"}
    parser_classes = (RawParser,)

    @schema.propose_lift
    def post(self, request: Request, reference: str) -> HttpResponse:
        reason = read_reason(request.body)

        def act(client: Client, now: datetime) -> Answer:
            return _proposed(
                stops.propose_lift(
                    stop_id=stop_id(reference),
                    reason=reason,
                    user=None,
                    client_id=client.id,
                    actor=client.actor(),
                    now=now,
                )
            )

        return _once(request, act)


def _once(request: Request, act: Callable[[Client, datetime], Answer]) -> HttpResponse:
    client, now = client_of(request), utc_now()
    return answer_once(request, client=client, now=now, body=request.body, act=lambda: act(client, now))


def _proposed(proposal_id: int) -> Answer:
    return Answer(
        202, msgspec.json.encode({"proposal": public_id(PROPOSAL, proposal_id), "status": "PENDING"})
    )


def _limit_document(limit: Limit, members: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **terms.Terms.of(limit).content(),
        "members_used": [
            {
                "key": each["key"],
                "used": format_number(each["used"]),
                "reserved": format_number(each["held_up"]),
                "reserved_down": format_number(each["held_down"]),
            }
            for each in members
        ],
    }


def _stop_document(stop: Stop) -> dict[str, Any]:
    return {
        "id": public_id(STOP, stop.id),
        "kind": stop.kind,
        "key": stop.key,
        "reason": stop.reason,
        "made_by": stop.made_by,
        "made_at": stop.made_at,
        "lifted_at": stop.lifted_at,
    }
