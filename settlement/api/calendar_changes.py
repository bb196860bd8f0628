"""Changes of calendars, cycles, cut-offs and channels over the API: proposed by a client, approved by a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.http.authentication import Client
from core.http.body import JsonBody
from core.http.views import RawParser
from core.models import Proposal
from settlement.api import calendar_schema as schema
from settlement.api.foreseen import answer_proposal, answer_proposed, proposal_document, read_rows
from settlement.services.calendar_change import (
    KIND,
    MAX_ROWS,
    Change,
    foresee_proposal,
    propose_calendar_change,
)


class CalendarChanges(APIView):
    """Propose other holidays, settlement cycles, cut-offs or channels."""

    scopes: ClassVar = {"POST": "calendars:propose"}
    parser_classes = (RawParser,)

    @schema.propose
    def post(self, request: Request) -> HttpResponse:
        change, reason = read_change(request.body)

        def propose(client: Client, now: datetime) -> int:
            return propose_calendar_change(
                change=change,
                reason=reason,
                user=None,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )

        return answer_proposed(request, place="calendar-changes", propose=propose, document=_document)


class CalendarChange(APIView):
    """A proposed change of calendars: what became of it, and what it comes to now while it waits."""

    scopes: ClassVar = {"GET": "calendars:propose"}

    @schema.read
    def get(self, request: Request, reference: str) -> HttpResponse:
        what = "proposed change of a calendar"
        return answer_proposal(reference, kind=KIND, what=what, document=_document)


def read_change(body: bytes) -> tuple[Change, str]:
    """Return the change and the reason of a body; Problem 400 with every fault."""
    given = JsonBody(body, known=("kind", "rows", "withdrawn", "reason"), most=1_000_000)
    kind = given.text("kind", required=True)
    withdrawn, reason = given.flag("withdrawn"), given.text("reason", required=True, max_length=1_000)
    rows = read_rows(given, most=MAX_ROWS)
    given.check()
    return Change(kind or "", rows, bool(withdrawn)), reason or ""


def _document(proposal: Proposal, now: datetime) -> dict[str, Any]:
    content = proposal.content
    return proposal_document(
        proposal,
        {"kind": content["of_kind"], "of": content["of"]},
        foresee=lambda: foresee_proposal(content=content, now=now),
        effect=lambda effect: {**effect.summary(), "dates": effect.dates, "moments": effect.moments},
    )
