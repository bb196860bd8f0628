"""`application/problem+json` (RFC 9457): the one renderer of every error the API gives."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from core.audit import encode, request_id_var

CONTENT_TYPE = "application/problem+json"
AGAIN_SECONDS = 2  # until a client asks again that met a database which was away
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request: where (a JSON pointer, or a parameter's name) and what."""

    pointer: str
    detail: str
    code: str = "invalid"

    def as_dict(self) -> dict[str, str]:
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


@dataclass
class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An answer that is an error. Raise it from views and services alike.

    status: the HTTP status; code: a stable word for machines; title: one sentence for people;
    faults: every failure found, never the first only; extra: further members of the document.
    """

    status: int
    code: str
    title: str
    detail: str = ""
    faults: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.title)

    def document(self) -> dict[str, Any]:
        """Return the problem document."""
        document: dict[str, Any] = {
            "type": f"urn:middleoffice:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.faults:
            document["errors"] = [fault.as_dict() for fault in self.faults]
        if request_id := request_id_var.get():
            document["request_id"] = request_id
        return {**document, **self.extra}


def render(problem: Problem) -> HttpResponse:
    """Return the HTTP answer of a problem."""
    return HttpResponse(
        encode(problem.document()),
        status=problem.status,
        content_type=CONTENT_TYPE,
        headers=dict(problem.headers),
    )


def unreadable(faults: Sequence[Fault], *, title: str = "The request cannot be read.") -> Problem:
    """Return the 400 problem for a request that has faults."""
    return Problem(400, "unreadable", title, faults=faults)


def unreadable_parameter(name: str, detail: str) -> Problem:
    """Return the 400 problem for one parameter of the address that is wrong."""
    return unreadable([Fault(f"query:{name}", detail)])


def not_found(what: str) -> Problem:
    """Return the 404 problem for one subject."""
    return Problem(404, "not-found", f"There is no such {what}.")


def render_exception(error: Exception, context: Any) -> HttpResponse | Response | None:
    """DRF's exception handler: every error leaves as problem+json."""
    if isinstance(error, Problem):
        return render(error)
    if isinstance(error, Http404):
        return render(not_found("resource"))
    if isinstance(error, PermissionDenied):
        return render(Problem(403, "forbidden", "This is not allowed."))
    if isinstance(error, RequestDataTooBig):
        return render(Problem(413, "too-large", "The request is too large."))
    if isinstance(error, (OperationalError, InterfaceError)):
        return render(_of_database(error))
    if isinstance(error, exceptions.APIException):
        return render(_of_drf(error))
    if isinstance(error, ValueError) and (refused := _of_nul(context)):
        return render(refused)
    return None


def _of_nul(context: Mapping[str, Any]) -> Problem | None:
    """Return why an address failed with a NUL in it, which no text in PostgreSQL can have; None where it has none.

    Views that name every fault of an address look for it themselves: this is what is left.
    """
    request = context.get("request")
    given = request.query_params.lists() if request is not None else ()
    named = [name for name, values in given if any("\0" in each for each in (name, *values))]
    return (
        unreadable([Fault(f"query:{name}", "No value has a NUL.", "nul") for name in named])
        if named
        else None
    )


def _of_database(error: Exception) -> Problem:
    """Return the problem of a database that is away, restarts, or gave up on a statement.

    It may have gone after the commit and before the answer, so nothing is said of what was stored.
    """
    _log.error("the database failed: %s", str(error).strip(), exc_info=error)
    return Problem(
        503,
        "database-unavailable",
        "The database cannot be asked at the moment.",
        detail="Send the request again, under the same Idempotency-Key: it is done once.",
        headers={"Retry-After": str(AGAIN_SECONDS)},
    )


# DRF's own words for these are patterns to be filled in.
_TITLES = {405: "This method is not allowed here.", 415: "This media type cannot be read here."}
_CODES = {
    400: "unreadable",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    415: "unsupported-media-type",
    429: "too-many-requests",
}


def _of_drf(error: exceptions.APIException) -> Problem:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, int(wait)))
    faults = []
    if isinstance(error, exceptions.ValidationError):
        faults = _faults_of(error.detail, "")
    return Problem(
        error.status_code,
        _CODES.get(error.status_code, "error"),
        _TITLES.get(error.status_code, str(error.default_detail)),
        detail="" if faults else str(error.detail),
        faults=faults,
        headers=headers,
    )


def _faults_of(detail: Any, pointer: str) -> list[Fault]:
    if isinstance(detail, dict):
        return [fault for key, value in detail.items() for fault in _faults_of(value, f"{pointer}/{key}")]
    if isinstance(detail, list) and any(isinstance(each, (dict, list)) for each in detail):
        return [
            fault for index, value in enumerate(detail) for fault in _faults_of(value, f"{pointer}/{index}")
        ]
    items = detail if isinstance(detail, list) else [detail]
    return [Fault(pointer, str(each), getattr(each, "code", "invalid")) for each in items]
