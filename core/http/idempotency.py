"""`Idempotency-Key`: an unsafe request is answered once; the answer is committed with its effect."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from core import sql
from core.audit import encode
from core.http.authentication import Client
from core.http.problem import Fault, Problem

KEPT = timedelta(days=7)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Answer:
    """An answer that can be stored and given again: status, body bytes and the headers that belong to it.

    stored: what is stored in the place of a body that holds a secret; a repeat makes the body from it again.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    stored: bytes | None = None


def to_response(answer: Answer, *, replayed: bool = False) -> HttpResponse:
    """Return the HTTP form of an answer."""
    response = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
    for name, value in answer.headers.items():
        response[name] = value
    if replayed:
        response["Idempotency-Replayed"] = "true"
    return response


def key_of(request: Request) -> str:
    """Return the request's idempotency key; Problem 400 when it is missing or malformed."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        raise Problem(
            400,
            "idempotency-key-missing",
            "This request needs an Idempotency-Key header.",
            faults=[Fault("header:Idempotency-Key", "Send a unique key per intended change.", "missing")],
        )
    if not _KEY.fullmatch(key):
        raise Problem(
            400,
            "idempotency-key-malformed",
            "The Idempotency-Key must be 1 to 255 visible ASCII characters.",
        )
    return key


def request_hash(request: Request, body: bytes) -> bytes:
    """Return the hash that tells whether a key is used again for the same request."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    digest.update(body)
    return digest.digest()


_LOOK_UP = """
SELECT core_hold_idempotency_key(%(client)s, %(key)s),
       k.request_hash, k.status, k.headers, k.body
FROM (SELECT 1) AS one LEFT JOIN core_idempotency_key k ON k.client_id = %(client)s AND k.key = %(key)s
"""
_STORE = """
INSERT INTO core_idempotency_key (client_id, key, request_hash, status, headers, body, created_at)
VALUES (%s, %s, %s, %s, %s::jsonb, %s, %s) ON CONFLICT DO NOTHING
"""


class _Overtaken(Exception):  # noqa: N818
    """Another request with the key committed between our look-up and our insert."""


def answer_once(
    request: Request,
    *,
    client: Client,
    now: datetime,
    body: bytes,
    act: Callable[[], Answer],
    restore: Callable[[bytes], bytes] = bytes,
) -> HttpResponse:
    """Run `act` in a transaction that also stores its answer, or give the stored answer again.

    restore: makes the body of a repeat from what was stored, where the answer says what to store in its place.

    Problem 400 without a key, 422 when the key was used for another request, 409 with Retry-After while a
    request with the key is in flight. A Problem raised by `act` rolls everything back and is not stored.
    """
    key = key_of(request)
    digest = request_hash(request, body)
    while True:
        try:
            with transaction.atomic():
                stored = _look_up(client.id, key, digest)
                if stored is not None:
                    return to_response(replace(stored, body=restore(stored.body)), replayed=True)
                answer = act()
                _store(client.id, key, digest, answer, now)
            return to_response(answer)
        except _Overtaken:
            continue


def _look_up(client_id: int, key: str, digest: bytes) -> Answer | None:
    found = sql.row(_LOOK_UP, {"client": client_id, "key": key})
    assert found is not None  # noqa: S101 - the statement always returns one row
    free, stored_hash, status, headers, body = found
    if stored_hash is not None:
        if bytes(stored_hash) != digest:
            raise Problem(
                422,
                "idempotency-key-reused",
                "This Idempotency-Key was used for a different request.",
            )
        headers = dict(sql.json_value(headers))
        content_type = headers.pop("Content-Type", "application/json")
        return Answer(status, bytes(body), headers, content_type)
    if not free:
        raise Problem(
            409,
            "idempotency-in-flight",
            "A request with this Idempotency-Key is being worked on.",
            headers={"Retry-After": "1"},
        )
    return None


def stored_headers(answer: Answer) -> str:
    """Return the headers of an answer as they are stored, JSON."""
    return encode({**answer.headers, "Content-Type": answer.content_type})


def _store(client_id: int, key: str, digest: bytes, answer: Answer, now: datetime) -> None:
    body = answer.body if answer.stored is None else answer.stored
    stored = sql.run(_STORE, [client_id, key, digest, answer.status, stored_headers(answer), body, now])
    if not stored:
        raise _Overtaken


def forget_keys(*, now: datetime) -> int:
    """Delete keys older than they are kept; return how many."""
    return sql.run("DELETE FROM core_idempotency_key WHERE created_at < %s", [now - KEPT])
