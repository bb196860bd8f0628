"""From a request to what the services take: every fault is named."""

from __future__ import annotations

from rest_framework.request import Request

from core.http.authentication import Client
from core.http.cursor import decode_cursor
from core.http.problem import Fault, unreadable
from feed.selectors import MAX_TYPES, Position, Selection, is_type, public_types
from feed.services.wait import MAX_WAIT_SECONDS

BIGINT = 1 << 63


def read_position(request: Request, parameter: str) -> Position:
    """Return the position behind a cursor of the feed; none is the beginning. Problem 400 when it is bent."""
    key = decode_cursor(request.query_params.get(parameter, ""), parts=3, parameter=parameter)
    if key is None:
        return Position()
    if not all(0 <= part < BIGINT for part in key):
        raise unreadable([Fault(f"query:{parameter}", "Use a cursor exactly as `next` gave it.")])
    return Position(*key)


def read_selection(request: Request, client: Client) -> Selection:
    """Return which events a request asks for, among those its client may see; Problem 400 for a bent type."""
    raw = request.query_params.get("types", "")
    types = public_types([each.strip() for each in raw.split(",") if each.strip()])
    if len(types) > MAX_TYPES or not all(map(is_type, types)):
        detail = f"Up to {MAX_TYPES} types such as trade.captured or trade.*, comma-separated."
        raise unreadable([Fault("query:types", detail)])
    return Selection(types, client.sources)


def read_wait(request: Request) -> int:
    """Return for how many seconds a request is ready to wait, 0 to MAX_WAIT_SECONDS; Problem 400 otherwise."""
    raw = request.query_params.get("wait", "0")
    if not (raw.isascii() and raw.isdecimal()) or len(raw) > 2 or int(raw) > MAX_WAIT_SECONDS:
        raise unreadable([Fault("query:wait", f"A whole number of seconds, 0 to {MAX_WAIT_SECONDS}.")])
    return int(raw)
