"""Changes of SSIs over the API: proposed by a client with what they re-route, approved by a person."""

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
from settlement.api import ssi_schema
from settlement.api.foreseen import answer_proposal, answer_proposed, proposal_document, read_rows
from settlement.services.ssi_change import KIND, MAX_ROWS, Effect, foresee_proposal, propose_ssi_change


class SsiChanges(APIView):
    """Propose new or other SSIs of one party."""

    scopes: ClassVar = {"POST": "ssis:propose"}
    parser_classes = (RawParser,)

    @ssi_schema.propose
    def post(self, request: Request) -> HttpResponse:
        rows, reason = _read(request.body)

        def propose(client: Client, now: datetime) -> int:
            return propose_ssi_change(
                rows=rows, reason=reason, user=None, client_id=client.id, actor=client.actor(), now=now
            )

        return answer_proposed(request, place="ssi-changes", propose=propose, document=_document)


class SsiChange(APIView):
    """A proposed change of SSIs: what became of it, and what it re-routes now while it waits."""

    scopes: ClassVar = {"GET": "ssis:propose"}

    @ssi_schema.read
    def get(self, request: Request, reference: str) -> HttpResponse:
        return answer_proposal(reference, kind=KIND, what="proposed change of SSIs", document=_document)


def _read(body: bytes) -> tuple[list[Any], str]:
    """Return the rows and the reason of a body; Problem 400 with every fault."""
    given = JsonBody(body, known=("rows", "reason"), most=1_000_000)
    reason = given.text("reason", required=True, max_length=1_000)
    rows = read_rows(given, most=MAX_ROWS)
    given.check()
    return rows, reason or ""


def _document(proposal: Proposal, now: datetime) -> dict[str, Any]:
    content = proposal.content
    return proposal_document(
        proposal,
        {"party": content["party"]},
        foresee=lambda: foresee_proposal(content=content, now=now),
        effect=effect_document,
    )


def effect_document(effect: Effect) -> dict[str, Any]:
    """Return what a change re-routes as JSON-ready data."""
    return {**effect.summary(), "items": list(effect.items)}
