"""Amendments and cancellations of up to 10,000 trades in one request, with a result for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec
from django.db import transaction
from django.http import HttpResponse
from msgspec.structs import replace
from rest_framework.request import Request
from rest_framework.views import APIView

from core.clock import utc_now
from core.http.authentication import Client
from core.http.idempotency import Answer as HttpAnswer
from core.http.idempotency import answer_once
from core.http.problem import Fault, Problem, unreadable
from core.http.views import OneForm, RawParser, client_of
from core.ids import TRADE, database_id, public_id
from core.text import text_faults
from trades.api import schema
from trades.api.changes import MAX_SOURCE_VERSION, UNTYPED, change_of
from trades.api.views import MAX_ITEMS, RolledBack, fail_the_rest, refused_item
from trades.products._reading import control_faults
from trades.services.bulk_change import WAITING, Answer, Named, change_deals
from trades.services.change import Change
from trades.services.supersession import Cause

_NAMES = ("id", "source", "source_ref")
_MAX_REFERENCE = {"source": 64, "source_ref": 128}


class _Bulk(APIView):
    """What both have in common."""

    scopes: ClassVar = {"POST": "trades:write"}
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm
    kind: ClassVar[Cause]

    def change(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        mode = request.query_params.get("mode", "partial")
        if mode not in {"partial", "atomic"}:
            raise unreadable([Fault("query:mode", "Either partial or atomic.")])
        reason, items = _read(body)
        return answer_once(
            request,
            client=client,
            now=now,
            body=body,
            act=lambda: _change_many(self.kind, reason, items, client, now, atomic=mode == "atomic"),
        )


class BulkAmendments(_Bulk):
    """Amend many trades."""

    kind = "AMEND"

    @schema.amend_trades
    def post(self, request: Request) -> HttpResponse:
        return self.change(request)


class BulkCancellations(_Bulk):
    """Cancel many trades."""

    kind = "CANCEL"

    @schema.cancel_trades
    def post(self, request: Request) -> HttpResponse:
        return self.change(request)


_BODY = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _value(raw: msgspec.Raw | None, kind: Any) -> Any:
    """Return a member of the body as a type, or None when it is absent or of another."""
    try:
        return None if raw is None else msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _read(body: bytes) -> tuple[str, list[msgspec.Raw]]:
    """Return the reason and the items of a body; Problem 400, 413 or 422 with every fault of its form."""
    try:
        document = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable([Fault("", f"This is not JSON: {error}.", "malformed")]) from None
    faults = [
        Fault(f"/{name}", "There is no such field.", "unknown-field")
        for name in document
        if name not in {"reason", "items"}
    ]
    items: list[msgspec.Raw] = _value(document.get("items"), list[msgspec.Raw]) or []
    reason = _value(document.get("reason", msgspec.Raw(b'""')), str)
    if not items:
        faults.append(Fault("/items", "At least one change.", "empty"))
    if reason is None:
        faults.append(Fault("/reason", "A text.", "type"))
    if faults or reason is None:
        raise unreadable(faults)
    if len(items) > MAX_ITEMS:
        raise Problem(413, "too-many-items", f"At most {MAX_ITEMS:,} changes, not {len(items):,}.")
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "The trades cannot be changed like this.", faults=faults)
    return reason.strip(), items


class _Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One item as it should be: what does not fit is read again, slowly, to name every fault."""

    id: str = ""
    source: Annotated[str, msgspec.Meta(max_length=64)] = ""
    source_ref: Annotated[str, msgspec.Meta(max_length=128)] = ""
    source_version: Annotated[int, msgspec.Meta(ge=1, le=MAX_SOURCE_VERSION)] | None = None
    changes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_ITEM = msgspec.json.Decoder(_Item)


def _read_item(kind: Cause, reason: str, raw: msgspec.Raw) -> Named:
    """Return what one item asks for; Problem 400 with every fault of its form."""
    data = bytes(raw)
    try:
        item = _ITEM.decode(data)
        trade_id = (database_id(TRADE, item.id) or 0) if item.id else 0
        named = bool(trade_id) if item.id else bool(item.source and item.source_ref)
        plain = (
            b"\\" not in data and b"\x7f" not in data and not (item.id and (item.source or item.source_ref))
        )
        if named and plain and (kind == "AMEND" or item.changes is msgspec.UNSET):
            changes = None if item.changes is msgspec.UNSET else UNTYPED.decode(item.changes)
            change = Change(kind, trade_id, reason, changes, item.source_version)
            return Named(change, item.source, item.source_ref)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _named(kind, reason, UNTYPED.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable([Fault("", f"This is not JSON: {error}.", "malformed")]) from None


def _named(kind: Cause, reason: str, item: Any) -> Named:
    """Return what one item asks for, read slowly; Problem 400 with every fault of its form."""
    if not isinstance(item, dict):
        raise unreadable([Fault("", "A change is a JSON object.", "type")])
    names = {name: item[name] for name in _NAMES if name in item}
    faults = control_faults(names, "")
    faults += [
        Fault(f"/{name}", "A text that is not empty.", "type")
        for name, value in names.items()
        if not isinstance(value, str) or not 1 <= len(value) <= _MAX_REFERENCE.get(name, 128)
    ]
    if set(names) not in ({"id"}, {"source", "source_ref"}):
        faults.append(Fault("", "Either the id, or the source and the source_ref.", "missing"))
    rest = {name: value for name, value in item.items() if name not in _NAMES}
    if "reason" in rest:
        faults.append(Fault("/reason", "The request has one reason for all.", "unknown-field"))
    if faults:
        raise unreadable(faults, title="This cannot be read as a change.")
    change = change_of({**rest, "reason": reason}, kind=kind, trade_id=0, if_match=None)
    if "id" in names:
        trade_id = database_id(TRADE, names["id"])
        if trade_id is None:
            raise unreadable([Fault("/id", "Not a trade's id.")], title="This cannot be read as a change.")
        return Named(replace(change, trade_id=trade_id))
    return Named(change, names["source"], names["source_ref"])


def _change_many(
    kind: Cause, reason: str, items: Sequence[msgspec.Raw], client: Client, now: datetime, *, atomic: bool
) -> HttpAnswer:
    results: list[dict[str, Any]] = [{}] * len(items)
    named: dict[int, Named] = {}
    for index, item in enumerate(items):
        try:
            named[index] = _read_item(kind, reason, item)
        except Problem as problem:
            results[index] = refused_item(index, problem)
    try:
        with transaction.atomic(savepoint=atomic):
            answers = change_deals(named=list(named.values()), client=client, actor=client.actor(), at=now)
            for index, answer in zip(named, answers, strict=True):
                results[index] = _result(index, answer)
            if atomic and any(result["status"] >= 400 for result in results):
                raise RolledBack
    except RolledBack:
        results = fail_the_rest(results)
    counts = {"changed": 0, "unchanged": 0, "waiting": 0, "refused": 0}
    for result in results:
        counts[_COUNTED.get(result.get("outcome", ""), "refused")] += 1
    return HttpAnswer(207, msgspec.json.encode({**counts, "items": results}))


_COUNTED = {"CHANGED": "changed", "REPEATED": "unchanged", "OUTDATED": "unchanged", WAITING: "waiting"}


def _result(index: int, answer: Answer) -> dict[str, Any]:
    if answer.problem is not None:
        return refused_item(index, answer.problem)
    result: dict[str, Any] = {
        "index": index,
        "status": 202 if answer.outcome == WAITING else 200,
        "outcome": answer.outcome,
    }
    if answer.changed is not None:
        result |= {"id": public_id(TRADE, answer.changed.trade_id), "version": answer.changed.version}
    return result
