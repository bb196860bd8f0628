"""From a request to what the services take: every fault of a body is named, with its JSON pointer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from core.http.authentication import Client
from core.http.body import JsonBody
from core.http.problem import Fault, unreadable
from core.ids import RESERVATION, STOP, database_id
from risk.services.reservations import DEFAULT_SECONDS, MAX_CHECKED
from risk.services.terms import Terms
from trades.products._reading import Unreadable, read_message
from trades.products.base import Message

MAX_BYTES = 8 * 1024 * 1024
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


def read_question(body: bytes, client: Client) -> list[Message]:
    """Return the deals that a limit check is about; Problem 400 with every fault."""
    read = JsonBody(body, known=("items",), most=MAX_BYTES)
    items = read.given.get("items")
    if not isinstance(items, list) or not 0 < len(items) <= MAX_CHECKED:
        raise unreadable([*read.faults, Fault("/items", f"A list of 1 to {MAX_CHECKED:,} trades.", "type")])
    messages = []
    for at, raw in enumerate(_ITEMS.decode(_FIELDS.decode(body)["items"])):
        messages += _message(raw, f"/items/{at}", client, read.faults)
    read.check()
    return messages


def read_reservation(body: bytes, client: Client) -> tuple[Message, int]:
    """Return the deal that room is wanted for, and for how many seconds; Problem 400 with every fault."""
    read = JsonBody(body, known=("trade", "seconds"), most=MAX_BYTES)
    seconds = read.whole("seconds")
    found: list[Message] = []
    if "trade" in read.given:
        found = _message(_FIELDS.decode(body)["trade"], "/trade", client, read.faults)
    else:
        read.faults.append(Fault("/trade", "This field is required.", "missing"))
    read.check()
    return found[0], DEFAULT_SECONDS if seconds is None else seconds


def _message(raw: msgspec.Raw, pointer: str, client: Client, faults: list[Fault]) -> list[Message]:
    try:
        message = read_message(raw)
    except Unreadable as error:
        faults += [Fault(f"{pointer}{each.pointer}", each.detail, each.code) for each in error.faults]
        return []
    if not client.may_use(message.source):
        faults.append(Fault(f"{pointer}/source", "This client may not use the source.", "foreign-source"))
    return [message]


def read_terms(body: bytes) -> tuple[Terms, str]:
    """Return the terms of a limit and the reason for them; Problem 400 with every fault."""
    read = JsonBody(body, known=(*Terms.__slots__, "reason"))
    given: dict[str, Any] = {name: read.text(name, required=True) for name in ("code", "name", "measure")}
    given |= {name: read.text(name) or "" for name in ("currency", "approver_role")}
    given |= {name: tuple(read.texts(name) or ()) for name in ("dimensions", "members")}
    given |= {name: read.decimal(name, required=name == "hard") for name in ("warn", "hard", "excess_max")}
    given |= {name: read.day(name, required=name == "valid_from") for name in ("valid_from", "valid_to")}
    given |= {"floor": read.decimal("floor") or Decimal(0), "excess_hours": read.whole("excess_hours")}
    reason = read.text("reason", required=True)
    read.check()
    return Terms(**given), reason or ""


def read_stop(body: bytes) -> tuple[str, str, str]:
    """Return the kind, the key and the reason of a stop; Problem 400 with every fault."""
    read = JsonBody(body, known=("kind", "key", "reason"))
    kind, key, reason = (read.text(name, required=True) for name in ("kind", "key", "reason"))
    read.check()
    return kind or "", key or "", reason or ""


def read_reason(body: bytes) -> str:
    """Return the reason of a request that has nothing else; Problem 400 with every fault."""
    read = JsonBody(body, known=("reason",))
    reason = read.text("reason", required=True)
    read.check()
    return reason or ""


def read_excess(body: bytes) -> tuple[str, Decimal, int, str]:
    """Return the member, the amount, the hours and the reason of a temporary excess; Problem 400 with every fault."""
    read = JsonBody(body, known=("key", "amount", "hours", "reason"))
    key, reason = read.text("key", required=True), read.text("reason", required=True)
    amount, hours = read.decimal("amount", required=True), read.whole("hours")
    if hours is None and "hours" not in {fault.pointer[1:] for fault in read.faults}:
        read.faults.append(Fault("/hours", "This field is required.", "missing"))
    read.check()
    return key or "", amount or Decimal(0), hours or 0, reason or ""


def reservation_id(reference: str) -> int:
    """Return the id behind the reference of a reservation; 0, which is nobody's, when it is none."""
    return database_id(RESERVATION, reference) or 0


def stop_id(reference: str) -> int:
    """Return the id behind the reference of a stop; 0, which is nobody's, when it is none."""
    return database_id(STOP, reference) or 0


def worst_of(statuses: Sequence[str]) -> str:
    """Return the worst status of the limits of one deal."""
    return max(statuses, key=("WITHIN", "WARNING", "BREACH").index, default="WITHIN")
