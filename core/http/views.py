"""What the views of every app share: a body left alone, one form of answer, the client, a document as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from core.http.authentication import Client


class RawParser(BaseParser):
    """Leaves the body alone: it is read once, without floats, by what names every fault in it."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return bytes(stream.read())


class OneForm(BaseContentNegotiation):
    """Reads any body with the view's first parser and answers in its first form, without weighing headers."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def client_of(request: Request) -> Client:
    """Return the API client behind a request."""
    return cast(Client, request.user)


def json_response(
    document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return a document as JSON: decimals, dates and moments as strings."""
    return HttpResponse(
        msgspec.json.encode(document), status=status, content_type="application/json", headers=headers
    )
