"""What proposals have in common whose effect is foreseen: rows in, 202 out, and what they come to while they wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from django.http import HttpResponse
from rest_framework.request import Request

from core.audit import encode
from core.clock import utc_now
from core.http.authentication import Client
from core.http.body import JsonBody
from core.http.idempotency import Answer, answer_once
from core.http.problem import Fault, Problem, not_found
from core.http.views import client_of, json_response
from core.ids import PROPOSAL, database_id, public_id
from core.models import Proposal


class _Foreseen(Protocol):
    @property
    def effect(self) -> Any: ...


Document = Callable[[Proposal, datetime], dict[str, Any]]


def read_rows(given: JsonBody, *, most: int) -> list[Any]:
    """Return the rows of a body; what is wrong with them is one of its faults."""
    rows = given.given.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= most:
        given.faults.append(
            Fault("/rows", f"A list of 1 to {most} rows.", "missing" if rows is None else "type")
        )
        return []
    return list(rows)


def answer_proposed(
    request: Request, *, place: str, propose: Callable[[Client, datetime], int], document: Document
) -> HttpResponse:
    """Answer 202 with what was proposed, once for each key. place: of such proposals, in the API."""
    client, now = client_of(request), utc_now()

    def act() -> Answer:
        proposal_id = propose(client, now)
        told = document(Proposal.objects.get(id=proposal_id), now)
        location = f"/api/v1/{place}/{public_id(PROPOSAL, proposal_id)}"
        return Answer(202, encode(told).encode(), {"Location": location})

    return answer_once(request, client=client, now=now, body=request.body, act=act)


def answer_proposal(reference: str, *, kind: str, what: str, document: Document) -> HttpResponse:
    """Answer with one proposal of a kind; Problem 404 where there is none. what: a word for it."""
    proposal_id = database_id(PROPOSAL, reference)
    found = Proposal.objects.filter(id=proposal_id, kind=kind).first() if proposal_id else None
    if found is None:
        raise not_found(what)
    return json_response(document(found, utc_now()))


def proposal_document(
    proposal: Proposal,
    own: dict[str, Any],
    *,
    foresee: Callable[[], _Foreseen | Problem],
    effect: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """Return a proposal as JSON-ready data, `own` being what its kind says of itself; while it waits, with what it
    comes to now, or why it would be refused."""
    document = {
        "proposal": public_id(PROPOSAL, proposal.id),
        "state": proposal.state,
        **own,
        "reason": proposal.reason,
        "made_at": proposal.made_at,
        "decided_at": proposal.decided_at,
        "decision_note": proposal.decision_note,
        "changes": proposal.content["changes"],
        "effect_when_proposed": proposal.content["effect"],
    }
    if proposal.state != Proposal.State.PENDING:
        return document
    foreseen = foresee()
    if isinstance(foreseen, Problem):
        return {**document, "effect": None, "refused": foreseen.document()}
    return {**document, "effect": effect(foreseen.effect)}
