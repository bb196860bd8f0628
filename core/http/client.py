"""A polite client of an API like ours: one key per change however often it is sent, and patience."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

# One line for every request would bury what the commands that use this have to say.
logging.getLogger("httpx").setLevel(logging.WARNING)

PATIENCE_SECONDS = 60.0
_PAUSE_FIRST, _PAUSE_MAX = 0.1, 5.0
_BUSY = {429, 502, 503, 504}
_IN_FLIGHT = "idempotency-in-flight"


class Refused(Exception):  # noqa: N818
    """An answer that says no and will go on doing so."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(document.get("code", status))
        self.document = document
        super().__init__(f"{status} {self.code}: {document.get('title', '')}")


class Stopped(Exception):  # noqa: N818
    """The caller was told to stop while it waited."""


class ApiClient:
    """A keep-alive connection with a bearer token. One per thread.

    Lost connections, 429, 502 to 504 and 409 in flight are tried again with the same idempotency key, ever
    more slowly, for `patience` seconds; `retries` counts them. `stop` ends every wait.
    """

    def __init__(
        self,
        *,
        url: str,
        token: str,
        stop: threading.Event | None = None,
        patience: float = PATIENCE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._stop = stop or threading.Event()
        self._patience = patience
        self.retries = 0
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(60, connect=5),
            transport=transport,
        )

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Return the document at a path; Refused otherwise."""
        return self._document(self._patiently("GET", path, params=query))

    def items(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page after page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next"]

    def post(
        self,
        path: str,
        content: bytes,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Make one change under one idempotency key; return the status and the document, or Refused."""
        response = self._patiently(
            "POST",
            path,
            params=dict(query or {}),
            content=content,
            headers={"Content-Type": content_type, "Idempotency-Key": str(uuid.uuid4())},
        )
        return response.status_code, self._document(response)

    @contextmanager
    def stream(self, path: str, *, accept: str) -> Iterator[httpx.Response]:
        """Open a body that is read as it arrives; Refused otherwise. A broken stream is the caller's."""
        with self._http.stream("GET", path, headers={"Accept": accept}) as response:
            if response.status_code != 200:
                response.read()
                self._document(response)
            yield response

    def _patiently(self, method: str, path: str, **request: Any) -> httpx.Response:
        gives_up, pause = time.monotonic() + self._patience, _PAUSE_FIRST
        while True:
            try:
                response = self._http.request(method, path, **request)
            except httpx.TransportError:
                if time.monotonic() > gives_up:
                    raise
                wanted = 0.0
            else:
                if not _is_passing(response) or time.monotonic() > gives_up:
                    return response
                wanted = _retry_after(response)
            self.retries += 1
            # A little chance keeps many clients from coming back all at once.
            if self._stop.wait(max(wanted, pause) * random.uniform(0.8, 1.2)):  # noqa: S311
                raise Stopped
            pause = min(pause * 2, _PAUSE_MAX)

    @staticmethod
    def _document(response: httpx.Response) -> dict[str, Any]:
        try:
            document = response.json()
        except ValueError:
            document = {"title": response.text[:200]}
        if response.is_success and isinstance(document, dict):
            return document
        raise Refused(response.status_code, document if isinstance(document, dict) else {})


def _is_passing(response: httpx.Response) -> bool:
    """Tell whether an answer is about the moment and not about the request."""
    if response.status_code in _BUSY:
        return True
    return response.status_code == 409 and _IN_FLIGHT in response.text


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0
