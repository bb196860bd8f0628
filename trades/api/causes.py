"""Causes over the API: what open exceptions wait for, how many, for how much money; and their release together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.authentication import Client
from core.http.idempotency import Answer, answer_once, to_response
from core.http.problem import Fault, unreadable
from core.http.views import OneForm, RawParser, client_of, json_response
from core.money import format_amount
from trades.api import cause_schema as schema
from trades.api.exceptions import read_body, results_document
from trades.api.views import wants_dry_run
from trades.selectors import desk
from trades.selectors.exceptions import Narrowing
from trades.services.desk import MAX_ITEMS, Asked, act_on_exceptions
from trades.work_items import MAX_CAUSE


class ExceptionCauses(APIView):
    """What the open exceptions of the client's sources wait for, the commonest cause first."""

    scopes: ClassVar = {"GET": "exceptions:read"}

    @schema.list_causes
    def get(self, request: Request) -> HttpResponse:
        found = desk.groups(now=utc_now(), sources=client_of(request).sources)
        return json_response({"items": [_document(each) for each in found]})


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cause as JSON-ready data. Money is in base currency."""
    amount = row["amount_at_risk"]
    return {
        "cause": row["cause"],
        "count": row["items"],
        "count_alone": row["alone"],
        "count_unowned": row["unowned"],
        "amount_at_risk": None if amount is None else format_amount(amount, settings.BASE_CURRENCY),
        "currency": settings.BASE_CURRENCY,
        "deadline": row["deadline"] and row["deadline"].astimezone(UTC),
        "opened_at": row["opened_at"].astimezone(UTC),
        "moves": sorted(row["moves"]),
        "waits_for": row["waits_for"] or [],
    }


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    cause: str
    reason: str


_WANTED = msgspec.json.Decoder(_Wanted)


class CauseReleases(APIView):
    """Send what one cause holds to the checks again, up to 2,000 exceptions, with a result for each."""

    scopes: ClassVar = {"POST": "exceptions:work"}
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm

    @schema.release
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        wanted, dry_run = read_body(body, _WANTED), wants_dry_run(request)
        if not wanted.cause or "\0" in wanted.cause or len(wanted.cause) > MAX_CAUSE:
            raise unreadable([Fault("/cause", f"A text of 1 to {MAX_CAUSE} characters without NUL.")])

        def act() -> Answer:
            return _release(wanted, client, now, dry_run=dry_run)

        if dry_run:
            return to_response(act())
        return answer_once(request, client=client, now=now, body=body, act=act)


def _release(wanted: _Wanted, client: Client, now: datetime, *, dry_run: bool) -> Answer:
    """Re-check the most urgent of what a cause holds; `more`: ask again, there were too many for once."""
    found, more = desk.ids_of(
        view="open",
        narrowing=Narrowing(cause=wanted.cause),
        user_id=0,
        now=now,
        most=MAX_ITEMS,
        sources=client.sources,
    )
    asked = Asked("re-check", reason=wanted.reason)
    if not found:
        return Answer(207, encode({**results_document([]), "more": False}).encode())
    results = act_on_exceptions(
        exception_ids=found, asked=asked, actor=client.actor(), now=now, dry_run=dry_run
    )
    return Answer(207, encode({**results_document(results), "more": more}).encode())
