"""Changes of calendars, cycles, cut-offs and channels over the API: proposed by a client, approved by a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.body import JsonBody
from core.http.idempotency import Answer, answer_once
from core.http.problem import Fault, Problem, not_found
from core.http.views import RawParser, client_of, json_response
from core.ids import PROPOSAL, database_id, public_id
from core.models import Proposal
from settlement.api import calendar_schema as schema
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
        client, now, body = client_of(request), utc_now(), request.body
        change, reason = read_change(body)

        def act() -> Answer:
            proposal_id = propose_calendar_change(
                change=change,
                reason=reason,
                user=None,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            reference = public_id(PROPOSAL, proposal_id)
            document = _document(Proposal.objects.get(id=proposal_id), now)
            return Answer(
                202, encode(document).encode(), {"Location": f"/api/v1/calendar-changes/{reference}"}
            )

        return answer_once(request, client=client, now=now, body=body, act=act)


class CalendarChange(APIView):
    """A proposed change of calendars: what became of it, and what it comes to now while it waits."""

    scopes: ClassVar = {"GET": "calendars:propose"}

    @schema.read
    def get(self, request: Request, reference: str) -> HttpResponse:
        proposal_id = database_id(PROPOSAL, reference)
        found = Proposal.objects.filter(id=proposal_id, kind=KIND).first() if proposal_id else None
        if found is None:
            raise not_found("proposed change of a calendar")
        return json_response(_document(found, utc_now()))


def read_change(body: bytes) -> tuple[Change, str]:
    """Return the change and the reason of a body; Problem 400 with every fault."""
    given = JsonBody(body, known=("kind", "rows", "withdrawn", "reason"), most=1_000_000)
    kind, rows = given.text("kind", required=True), given.given.get("rows")
    withdrawn, reason = given.flag("withdrawn"), given.text("reason", required=True, max_length=1_000)
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        given.faults.append(
            Fault("/rows", f"A list of 1 to {MAX_ROWS} rows.", "missing" if rows is None else "type")
        )
    given.check()
    return Change(kind or "", list(rows or ()), bool(withdrawn)), reason or ""


def _document(proposal: Proposal, now: datetime) -> dict[str, Any]:
    content: Mapping[str, Any] = proposal.content
    document = {
        "proposal": public_id(PROPOSAL, proposal.id),
        "state": proposal.state,
        "kind": content["of_kind"],
        "of": content["of"],
        "reason": proposal.reason,
        "made_at": proposal.made_at,
        "decided_at": proposal.decided_at,
        "decision_note": proposal.decision_note,
        "changes": content["changes"],
        "effect_when_proposed": content["effect"],
    }
    if proposal.state != Proposal.State.PENDING:
        return document
    foreseen = foresee_proposal(content=content, now=now)
    if isinstance(foreseen, Problem):
        return {**document, "effect": None, "refused": foreseen.document()}
    effect = foreseen.effect
    shown = {**effect.summary(), "dates": effect.dates, "moments": effect.moments}
    return {**document, "effect": shown}
