"""Opaque cursors over keys that only grow, and the page every list answers with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec
from rest_framework.request import Request

from core.as_of import HIGHEST
from core.http.problem import Fault, Problem, unreadable

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_decoder = msgspec.json.Decoder(list[int])


def encode_cursor(key: Sequence[int]) -> str:
    """Return the opaque form of the last key of a page."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(key))).decode().rstrip("=")


def decode_cursor(text: str, *, parts: int, parameter: str = "cursor") -> tuple[int, ...] | None:
    """Return the key behind a cursor of `parts` numbers, None for an empty one; Problem 400 when bent."""
    if not text:
        return None
    key = numbers_of(text)
    if key is None or len(key) != parts:
        raise bent_cursor(parameter)
    return key


def numbers_of(text: str) -> tuple[int, ...] | None:
    """Return the numbers of a cursor of any kind, None when it is none or has one that PostgreSQL cannot hold."""
    try:
        numbers = _decoder.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    return tuple(numbers) if all(abs(each) <= HIGHEST for each in numbers) else None


def bent_cursor(parameter: str = "cursor") -> Problem:
    """Return the Problem 400 of a cursor that is not what `next` gave."""
    return unreadable([Fault(f"query:{parameter}", "Use a cursor exactly as `next` gave it.")])


def limit_of(request: Request) -> int:
    """Return the request's page size, 1 to MAX_LIMIT; Problem 400 otherwise."""
    raw = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not raw.isdecimal() or len(raw) > len(str(MAX_LIMIT)) or not 1 <= int(raw) <= MAX_LIMIT:
        raise unreadable([Fault("query:limit", f"A whole number from 1 to {MAX_LIMIT}.")])
    return int(raw)


def page(items: Sequence[Any], *, next_key: Sequence[int] | None) -> dict[str, Any]:
    """Return the document of one page: the items and the cursor of the next page, or null."""
    return {"items": items, "next": None if next_key is None else encode_cursor(next_key)}
