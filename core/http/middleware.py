"""What every request passes through that Django does not bring."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from core.audit import request_id_var
from core.http.problem import Problem, render

_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
API_PREFIX = "/api/"
VERSIONED_PREFIX = "/api/v1/"


class RequestIdMiddleware:
    """Give each request an id (the caller's X-Request-ID when well-formed), echo it, and keep API errors JSON."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _GIVEN.fullmatch(given) else secrets.token_hex(10)
        token = request_id_var.set(request_id)
        try:
            response = self.get_response(request)
            if (
                response.status_code >= 400
                and request.path_info.startswith(API_PREFIX)
                and not response["Content-Type"].startswith(("application/problem+json", "text/event"))
            ):
                response = render(_plain(response.status_code))
            response["X-Request-ID"] = request_id
            return response
        finally:
            request_id_var.reset(token)


class ApiMiddleware:
    """Take API requests straight to their view: sessions, forms and pages are not for them, and cost as much
    as the view itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._straight = _StraightHandler().get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(VERSIONED_PREFIX):
            return self.get_response(request)
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            # WSGI has no word for where such a body ends: it would be read as an empty one.
            return render(
                Problem(411, "length-required", "Send the body with its Content-Length, not chunked.")
            )
        with ExitStack() as request.sight:  # type: ignore[attr-defined]
            response = self._straight(request)
        if isinstance(response, HttpResponse) and not response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))
        return response


class _StraightHandler(BaseHandler):
    """Django's own request handling with no middleware around the view."""

    def __init__(self) -> None:
        super().__init__()
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]


def _plain(status: int) -> Problem:
    """Return the problem for an error that Django itself answered (unknown route, crash, oversized body)."""
    titles = {
        400: ("unreadable", "The request cannot be read."),
        403: ("forbidden", "This is not allowed."),
        404: ("not-found", "There is no such resource."),
        413: ("too-large", "The request is too large."),
    }
    code, title = titles.get(
        status, ("internal", "Something failed here; nothing was stored. Quote the request id.")
    )
    return Problem(status, code, title)
