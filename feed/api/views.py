"""The feed for whoever listens. A view makes one service call."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.http.authentication import Client
from core.http.cursor import encode_cursor, limit_of
from core.http.problem import Problem
from feed.api import schema
from feed.api.reading import read_position, read_selection, read_wait
from feed.documents import event_cursor, event_document
from feed.services.state import hash_states
from feed.services.wait import read_or_wait


def client_of(request: Request) -> Client:
    """Return the API client behind a request."""
    return cast(Client, request.user)


def json_response(document: Any, *, status: int = 200) -> HttpResponse:
    """Return a document as JSON: moments as strings."""
    return HttpResponse(msgspec.json.encode(document), status=status, content_type="application/json")


class Events(APIView):
    """Everything that happened, in order, from any point on; no commit, however late, is skipped."""

    scopes: ClassVar = {"GET": "events:read"}

    @schema.read_events
    def get(self, request: Request) -> HttpResponse:
        page = read_or_wait(
            after=read_position(request, "after"),
            limit=limit_of(request),
            selection=read_selection(request, client_of(request)),
            wait_seconds=read_wait(request),
        )
        items = [event_document(each) for each in page.events]
        return json_response({"items": items, "next": encode_cursor(page.next.key()), "more": page.more})


class StateHash(APIView):
    """One hash of where all trades stand, for a reader to compare with what it made of the events."""

    scopes: ClassVar = {"GET": "events:read"}

    @schema.read_state_hash
    def get(self, request: Request) -> HttpResponse:
        if client_of(request).sources:
            raise Problem(403, "bound-to-sources", "Only a client of every source can compare all trades.")
        found = hash_states()
        return json_response(
            {"trades": found.trades, "sha256": found.sha256, "cursor": event_cursor(found.event_id)}
        )
