"""Changes of SSIs over the API: proposed by a client with what they re-route, approved by a person."""

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
from settlement.api import ssi_schema
from settlement.services.ssi_change import KIND, MAX_ROWS, Effect, foresee_proposal, propose_ssi_change


class SsiChanges(APIView):
    """Propose new or other SSIs of one party."""

    scopes: ClassVar = {"POST": "ssis:propose"}
    parser_classes = (RawParser,)

    @ssi_schema.propose
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        rows, reason = _read(body)

        def act() -> Answer:
            proposal_id = propose_ssi_change(
                rows=rows, reason=reason, user=None, client_id=client.id, actor=client.actor(), now=now
            )
            reference = public_id(PROPOSAL, proposal_id)
            document = _document(Proposal.objects.get(id=proposal_id), now)
            return Answer(202, encode(document).encode(), {"Location": f"/api/v1/ssi-changes/{reference}"})

        return answer_once(request, client=client, now=now, body=body, act=act)


class SsiChange(APIView):
    """A proposed change of SSIs: what became of it, and what it re-routes now while it waits."""

    scopes: ClassVar = {"GET": "ssis:propose"}

    @ssi_schema.read
    def get(self, request: Request, reference: str) -> HttpResponse:
        proposal_id = database_id(PROPOSAL, reference)
        found = Proposal.objects.filter(id=proposal_id, kind=KIND).first() if proposal_id else None
        if found is None:
            raise not_found("proposed change of SSIs")
        return json_response(_document(found, utc_now()))


def _read(body: bytes) -> tuple[list[Any], str]:
    """Return the rows and the reason of a body; Problem 400 with every fault."""
    read = JsonBody(body, known=("rows", "reason"), most=1_000_000)
    rows, reason = read.given.get("rows"), read.text("reason", required=True, max_length=1_000)
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        read.faults.append(
            Fault("/rows", f"A list of 1 to {MAX_ROWS} rows.", "missing" if rows is None else "type")
        )
    read.check()
    return list(rows or ()), reason or ""


def _document(proposal: Proposal, now: datetime) -> dict[str, Any]:
    content: Mapping[str, Any] = proposal.content
    document = {
        "proposal": public_id(PROPOSAL, proposal.id),
        "state": proposal.state,
        "party": content["party"],
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
    return {**document, "effect": effect_document(foreseen.effect)}


def effect_document(effect: Effect) -> dict[str, Any]:
    """Return what a change re-routes as JSON-ready data."""
    return {**effect.summary(), "items": list(effect.items)}
