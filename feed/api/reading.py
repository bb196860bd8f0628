"""From a request to what the services take: every fault is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from rest_framework.request import Request

from core.http.authentication import Client
from core.http.body import JsonBody
from core.http.cursor import decode_cursor
from core.http.problem import Fault, Problem, unreadable
from core.ids import DELIVERY, database_id
from feed.models import Delivery
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


MAX_OVERLAP = timedelta(days=7)
DEFAULT_OVERLAP = timedelta(days=1)
MAX_REASON = 500
_ETAG = re.compile(r'"(\d{1,9})"')


class Body(JsonBody):
    """The fields of a request about webhooks."""

    def event_id(self, name: str, *, required: bool = False) -> int | None:
        """Return the event id behind a cursor of the feed, None when it is not given."""
        text = self.text(name, required=required, max_length=200)
        if text is None:
            return None
        try:
            key = decode_cursor(text, parts=3) or ()
        except Problem:
            key = ()
        if len(key) != 3 or not 0 <= key[0] < BIGINT:
            self.faults.append(Fault(f"/{name}", "Use a cursor exactly as the feed gave it."))
            return None
        return key[0]


@dataclass(frozen=True)
class Replay:
    """What is to be told again: one delivery, or the events of a range of ids."""

    reason: str
    delivery_id: int | None
    after: int
    until: int


def read_replay(body: bytes) -> Replay:
    """Return what a request asks to be told again; Problem 400 with every fault."""
    read = Body(body, known=("delivery", "after", "until", "reason"))
    reason = read.text("reason", required=True, max_length=MAX_REASON)
    delivery = read.text("delivery", max_length=40)
    after = read.event_id("after", required=delivery is None and "delivery" not in read.given)
    until = read.event_id("until", required=delivery is None and "delivery" not in read.given)
    if "delivery" in read.given and {"after", "until"} & read.given.keys():
        read.faults.append(Fault("/delivery", "Either one delivery or a range.", "exclusive"))
    delivery_id = None if delivery is None else database_id(DELIVERY, delivery)
    if delivery is not None and delivery_id is None:
        read.faults.append(Fault("/delivery", "This is not the id of a delivery."))
    read.check()
    return Replay(reason or "", delivery_id, after or 0, until or 0)


def read_revision(request: Request) -> int:
    """Return the revision of `If-Match`; Problem 428 without one, 412 when it can never match."""
    given = request.headers.get("If-Match", "")
    if not given:
        raise Problem(428, "if-match-missing", "Send If-Match with the ETag of the webhook as you saw it.")
    found = _ETAG.fullmatch(given)
    if found is None:
        raise Problem(412, "stale-revision", "The webhook never had this ETag.")
    return int(found[1])


def read_delivery_state(request: Request) -> str | None:
    """Return the state that a delivery log is narrowed to; Problem 400 for one that does not exist."""
    state = request.query_params.get("state") or None
    if state is not None and state not in Delivery.State.values:
        raise unreadable([Fault("query:state", f"One of {', '.join(Delivery.State.values)}.")])
    return state
