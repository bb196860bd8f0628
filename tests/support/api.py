"""A client of the API as Django serves it in the test's own process."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.http import HttpResponse
from django.test import Client as HttpClient

from tests.support.factories import api_client

PROBLEM = "application/problem+json"
_keys = itertools.count(1)


class Api:
    """One API client with its token. Each post goes under a new key unless it names one."""

    def __init__(self, name: str = "front", **issued: Any) -> None:
        self.client, self.token = api_client(name, **issued)
        self._http = HttpClient()

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, **query: Any) -> HttpResponse:
        return self._http.get(
            f"/api/v1{path}", query, headers={"Authorization": f"Bearer {self.token}", **(headers or {})}
        )

    def post(
        self,
        path: str,
        body: Any,
        *,
        key: str | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Post bytes as they are, anything else as JSON. An empty key sends none."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if key != "":
            sent["Idempotency-Key"] = key or f"key-{next(_keys)}"
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self._http.post(f"/api/v1{path}", data, content_type=content_type, headers=sent)

    def trade(self, document: Any, **how: Any) -> HttpResponse:
        return self.post("/trades", document, **how)

    def batch(self, documents: Sequence[Any], *, mode: str = "partial", **how: Any) -> HttpResponse:
        return self.post(f"/trade-batches?mode={mode}", {"items": list(documents)}, **how)

    def dry_run(self, document: Any) -> HttpResponse:
        return self.post("/trades?dry_run=true", document, key="")


def problem(answer: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is this problem, complete, and return its document."""
    assert (answer.status_code, answer["Content-Type"]) == (status, PROBLEM), answer.content
    document = answer.json()
    assert (document["status"], document["code"]) == (status, code), document
    assert document["type"] == f"urn:middleoffice:problem:{code}"
    assert document["title"]
    assert document["request_id"] == answer["X-Request-ID"]
    return document


def pointers(document: Mapping[str, Any]) -> list[str]:
    """Return the pointers of a problem's errors, sorted."""
    return sorted(error["pointer"] for error in document.get("errors", ()))
