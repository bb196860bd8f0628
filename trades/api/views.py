"""The front office's door: trades in, trades and their timeline out. A view makes one service call."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

import msgspec
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from core.as_of import AsOf
from core.clock import utc_now
from core.http.archive import zip_response
from core.http.authentication import Client
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once, key_of, request_hash, to_response
from core.http.moments import as_of, as_of_list, moment_parameter, next_key
from core.http.named import with_view
from core.http.problem import Fault, Problem, not_found, unreadable
from core.http.views import OneForm, RawParser, client_of, json_response
from core.ids import TRADE, database_id, public_id
from core.sight import as_seen
from trades.api import schema
from trades.api.documents import event_document, finding_document, trade_document
from trades.api.reads import list_trades, read_events, read_findings, read_parts, read_trade, seen_among
from trades.evidence import evidence_of_trade
from trades.lifecycle import State
from trades.products._reading import Unreadable, read_message
from trades.products.base import Message, Terms
from trades.selectors import as_of as past
from trades.selectors.blotter import conditions
from trades.selectors.filters import read_filter
from trades.services.capture import DRAWN, Captured, Outcome, capture_new, capture_trades
from trades.services.dry_run import dry_run
from trades.services.load import RUN, load_trades
from trades.services.versions import trade_etag

MAX_TRADE_BYTES = 2 * 1024 * 1024  # an order of 5,000 lines
MAX_ITEMS = 10_000


class Trades(APIView):
    """Capture one trade, or list trades in the order of their last change."""

    scopes: ClassVar = {"GET": "trades:read", "POST": "trades:write"}
    of_desks: ClassVar = frozenset({"GET", "POST"})
    read_along: ClassVar = {"POST": DRAWN}
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm

    @schema.capture_trade
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        if len(body) > MAX_TRADE_BYTES:
            raise Problem(413, "too-large", f"A trade is at most {MAX_TRADE_BYTES:,} bytes.")
        try:
            message = read_message(body)
        except Unreadable as error:
            raise unreadable(error.faults, title="This cannot be read as a trade.") from None
        foreign = _foreign(client, message)
        if foreign is not None:
            raise foreign
        if wants_dry_run(request):
            return _dry_run_answer(message, client, now)
        if client.keys is not None:  # what it may be told of a deal that there is already is looked at first
            return _captured_once(request, message, client, now)
        answer = capture_new(
            message=message,
            drawn=client.along,
            actor=client.actor(),
            at=now,
            client_id=client.id,
            key=key_of(request),
            request_hash=request_hash(request, body),
            answer=lambda trade_id, terms: _created(trade_id, terms, now),
        )
        if answer is not None:
            return to_response(answer)
        return _captured_once(request, message, client, now)

    @schema.list_trades
    def get(self, request: Request) -> HttpResponse:
        wanted, limit = _wanted(request), limit_of(request)
        where, after = as_of_list(request, now=utc_now())
        if where is not None:
            wanted["narrowed"] = conditions(wanted["narrowed"])
            known, last_id = past.list_trades(where, **wanted, after=after, limit=limit)
            going_on = None if last_id is None else next_key(where, last_id)
            return json_response(page([trade_document(row) for row in known], next_key=going_on))
        rows = list_trades(
            **wanted, after=decode_cursor(request.query_params.get("cursor", ""), parts=2), limit=limit
        )
        # At the end `next` is null; who polls for changes goes on from the cursor used last.
        last = (rows[-1]["changed_xid"], rows[-1]["trade_id"]) if rows else None
        more = last if len(rows) == limit else None
        return json_response(page([trade_document(row) for row in rows], next_key=more))


class TradeBatches(APIView):
    """Capture up to 10,000 trades in one request, with a result for each."""

    scopes: ClassVar = {"POST": "trades:write"}
    of_desks: ClassVar = frozenset({"POST"})
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm

    @schema.capture_batch
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        mode = request.query_params.get("mode", "partial")
        if mode not in {"partial", "atomic"}:
            raise unreadable([Fault("query:mode", "Either partial or atomic.")])
        items = split_items(body, request.content_type or "")
        return answer_once(
            request,
            client=client,
            now=now,
            body=body,
            act=lambda: _capture_many(items, client, now, atomic=mode == "atomic"),
        )


class Trade(APIView):
    """One trade: its terms, where it stands and what was found of it."""

    scopes: ClassVar = {"GET": "trades:read"}
    of_desks: ClassVar = frozenset({"GET"})

    @schema.read_trade
    def get(self, request: Request, reference: str) -> HttpResponse:
        where = as_of(request, now=utc_now())
        row = visible_trade(request, reference, where)
        if where is not None:  # without an ETag: nothing of the past can be changed on condition of it
            known = past.read_findings(row["trade_id"], where)
            return json_response(trade_document(row, known, past.read_parts(row["trade_id"], where)))
        etag = trade_etag(row["version"], row["changed_at"])
        if request.headers.get("If-None-Match") == etag:
            return HttpResponse(status=304, headers={"ETag": etag})
        document = trade_document(row, read_findings(row["trade_id"]), read_parts(row["trade_id"]))
        return json_response(document, headers={"ETag": etag})


class TradeEvents(APIView):
    """The timeline of a trade, oldest first."""

    scopes: ClassVar = {"GET": "trades:read"}
    of_desks: ClassVar = frozenset({"GET"})

    @schema.read_events
    def get(self, request: Request, reference: str) -> HttpResponse:
        where, after_id = as_of_list(request, now=utc_now())
        row, limit = visible_trade(request, reference, where), limit_of(request)
        if where is not None:
            known = past.read_events(row["trade_id"], where, after=after_id, limit=limit)
            going_on = next_key(where, known[-1]["id"]) if len(known) == limit else None
            return json_response(page([event_document(each) for each in known], next_key=going_on))
        after = decode_cursor(request.query_params.get("cursor", ""), parts=1) or (0,)
        events = read_events(row["trade_id"], after=after[0], limit=limit)
        more = (events[-1]["id"],) if len(events) == limit else None
        return json_response(page([event_document(each) for each in events], next_key=more))


class TradeEvidence(APIView):
    """All that is known of a trade, as a zip that verifies itself."""

    scopes: ClassVar = {"GET": "audit:read"}
    content_negotiation_class = OneForm

    @schema.read_evidence
    def get(self, request: Request, reference: str) -> HttpResponseBase:
        row, client = visible_trade(request, reference), client_of(request)
        pack = evidence_of_trade(row["trade_id"], actor=client.actor(), now=utc_now())
        return zip_response(pack, name=f"evidence-{reference}.zip")


def visible_trade(request: Request, reference: str, where: AsOf | None = None) -> dict[str, Any]:
    """Return a trade of the client's sources, now or as it was; the others are as if they were not there."""
    trade_id, row = database_id(TRADE, reference), None
    if trade_id is not None:
        row = read_trade(trade_id) if where is None else past.read_trade(trade_id, where)
    if row is None or not client_of(request).may_use(row["source"]):
        raise not_found("trade")
    return row


def _captured_once(request: Request, message: Message, client: Client, now: datetime) -> HttpResponse:
    return answer_once(
        request, client=client, now=now, body=request.body, act=lambda: _capture_one(message, client, now)
    )


def _foreign(client: Client, message: Message) -> Problem | None:
    """Return why a deal is not the client's to tell, None when it is."""
    if not client.may_use(message.source):
        return _foreign_source(client, message.source)
    return None if client.sees(message.book) else foreign_book(client, message.book, "/book")


def foreign_book(client: Client, book: str, pointer: str) -> Problem:
    """Return the refusal of a book that is of none of a client's desks, or is none."""
    return Problem(
        403,
        "foreign-book",
        f"The client {client.name} is limited to desks that the book {book} is not of.",
        faults=[Fault(pointer, "Not a book of this client's desks.", "foreign-book")],
    )


def _foreign_source(client: Client, source: str) -> Problem:
    return Problem(
        403,
        "foreign-source",
        f"The client {client.name} is not bound to the source {source}.",
        faults=[Fault("/source", "Not a source of this client.", "foreign-source")],
    )


def _created(trade_id: int, terms: Terms, now: datetime) -> Answer:
    """Return the answer to a deal that makes a new trade."""
    row = {
        **msgspec.structs.asdict(terms),
        "trade_id": trade_id,
        "version": 1,
        "block_id": None,
        "state": State.CAPTURED,
        "effective_at": terms.executed_at or now,
        "recorded_at": now,
        "changed_at": now,
    }
    return _capture_answer(201, row)


def _capture_answer(status: int, row: Mapping[str, Any]) -> Answer:
    headers = {
        "Location": f"/api/v1/trades/{public_id(TRADE, row['trade_id'])}",
        "ETag": trade_etag(row["version"], row["changed_at"]),
    }
    return Answer(status, msgspec.json.encode(trade_document(row, [])), headers)


def _capture_one(message: Message, client: Client, now: datetime) -> Answer:
    captured = capture_trades(messages=[message], actor=client.actor(), at=now)[0]
    if _beyond([captured], client):
        raise _elsewhere()
    if captured.outcome is Outcome.CONFLICT:
        raise _conflict(captured)
    row = read_trade(captured.trade_id)
    assert row is not None  # noqa: S101 - captured in this transaction, and trades are never deleted
    return _capture_answer(201 if captured.outcome is Outcome.CREATED else 200, row)


def _beyond(captured: Sequence[Captured], client: Client) -> set[int]:
    """Return the trades that lie with desks of which a client that is limited is told nothing."""
    if client.keys is None:
        return set()
    ids = {each.trade_id for each in captured}
    with as_seen():
        return ids - seen_among(ids)


def _elsewhere() -> Problem:
    return Problem(409, "reference-taken", "This source_ref was captured before.")


def _conflict(captured: Captured) -> Problem:
    return Problem(
        409,
        "reference-taken",
        "This source_ref was captured before with other terms.",
        faults=[
            Fault(pointer, "Differs from what was captured.", "differs") for pointer in captured.differing
        ],
        extra={"trade": public_id(TRADE, captured.trade_id)},
    )


def wants_dry_run(request: Request) -> bool:
    wanted = request.query_params.get("dry_run", "false")
    if wanted not in {"true", "false"}:  # a real trade must not come of a misspelt question
        raise unreadable([Fault("query:dry_run", "Either true or false.")])
    return wanted == "true"


def _dry_run_answer(message: Message, client: Client, now: datetime) -> HttpResponse:
    captured, findings = dry_run(message=message, actor=client.actor(), at=now)
    if captured.outcome is not Outcome.CREATED and _beyond([captured], client):
        raise _elsewhere()
    if captured.outcome is Outcome.CONFLICT:
        raise _conflict(captured)
    would_be = State.VALIDATED
    if any(finding["severity"] == "BLOCK" for finding in findings):
        would_be = State.EXCEPTION
    if captured.outcome is Outcome.EXISTING:
        row = read_trade(captured.trade_id)
        assert row is not None  # noqa: S101 - trades are never deleted
        would_be = State(row["state"])
        findings = [each for each in read_findings(captured.trade_id) if each["closed_at"] is None]
    return json_response(
        {
            "outcome": captured.outcome.value,
            "would_be": would_be.name,
            "findings": [finding_document(each) for each in findings],
        }
    )


class _Items(msgspec.Struct, forbid_unknown_fields=True):
    items: list[msgspec.Raw]


_ITEMS = msgspec.json.Decoder(_Items)


def split_items(body: bytes, content_type: str) -> Sequence[bytes | msgspec.Raw]:
    """Split a bulk body into the raw items; Problem 400 or 413 when that cannot be done."""
    if "ndjson" in content_type or "jsonl" in content_type:
        items: Sequence[bytes | msgspec.Raw] = [line for line in body.split(b"\n") if line.strip()]
    else:
        try:
            items = _ITEMS.decode(body).items
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable([Fault("/items", str(error), "malformed")]) from None
    if not items:
        raise unreadable([Fault("/items", "At least one trade.", "empty")])
    if len(items) > MAX_ITEMS:
        raise Problem(413, "too-many-items", f"A batch has at most {MAX_ITEMS:,} trades, not {len(items):,}.")
    return items


class RolledBack(Exception):  # noqa: N818
    """An atomic batch has a bad item: nothing of it may stay."""


def _capture_many(
    items: Sequence[bytes | msgspec.Raw], client: Client, now: datetime, *, atomic: bool
) -> Answer:
    intake = _Intake(items, client)
    try:
        with transaction.atomic(savepoint=atomic):
            captured = load_trades(runs=intake.runs(), expected=len(items), actor=client.actor(), at=now)
            results = intake.results(captured, _beyond(captured, client))
            if atomic and any(result["status"] >= 400 for result in results):
                raise RolledBack
    except RolledBack:
        results = fail_the_rest(results)
    created = sum(result["status"] == 201 for result in results)
    refused = sum(result["status"] >= 400 for result in results)
    summary = {"created": created, "existing": len(results) - created - refused, "refused": refused}
    return Answer(207, msgspec.json.encode({**summary, "items": results}))


class _Intake:
    """Reads the items of a batch run by run, remembering which could not be read, and puts results in order."""

    def __init__(self, items: Sequence[bytes | msgspec.Raw], client: Client) -> None:
        self._items = items
        self._client = client
        self._refused: dict[int, dict[str, Any]] = {}

    def runs(self) -> Iterator[list[Message]]:
        for first in range(0, len(self._items), RUN):
            messages = []
            for index, raw in enumerate(self._items[first : first + RUN], start=first):
                try:
                    message = read_message(raw)
                except Unreadable as error:
                    problem = unreadable(error.faults, title="This cannot be read as a trade.")
                    self._refused[index] = refused_item(index, problem)
                    continue
                foreign = _foreign(self._client, message)
                if foreign is None:
                    messages.append(message)
                else:
                    self._refused[index] = refused_item(index, foreign)
            yield messages

    def results(self, captured: Sequence[Captured], beyond: Collection[int]) -> list[dict[str, Any]]:
        if not self._refused:
            return [_result(index, each, beyond) for index, each in enumerate(captured)]
        rest = iter(captured)
        return [
            self._refused[index] if index in self._refused else _result(index, next(rest), beyond)
            for index in range(len(self._items))
        ]


def _result(index: int, captured: Captured, beyond: Collection[int]) -> dict[str, Any]:
    if captured.trade_id in beyond:
        return refused_item(index, _elsewhere())
    if captured.outcome is Outcome.CONFLICT:
        return refused_item(index, _conflict(captured))
    status = 201 if captured.outcome is Outcome.CREATED else 200
    return {"index": index, "status": status, "id": public_id(TRADE, captured.trade_id)}


def refused_item(index: int, problem: Problem) -> dict[str, Any]:
    return {"index": index, "status": problem.status, "problem": problem.document()}


def fail_the_rest(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """In an atomic batch that failed, whatever was good is answered 424: nothing of it was stored."""
    problem = Problem(424, "batch-failed", "Another item of this atomic batch failed; nothing was stored.")
    return [
        result if result["status"] >= 400 else refused_item(index, problem)
        for index, result in enumerate(results)
    ]


def _wanted(request: Request) -> dict[str, Any]:
    """Return the filters of a list of trades, now or as it was; those of a view that it names below its own."""
    given = with_view(request, of="trades")
    query = _ListQuery(given)
    wanted = {
        "sources": client_of(request).sources,
        "source": query.text("source"),
        "source_ref": query.text("source_ref"),
        "state": query.state(),
        "trade_date": query.date("trade_date"),
        "updated_since": moment_parameter(request, "updated_since"),
    }
    texts = {name: query.text(name) or "" for name in _NARROWED}
    narrowed, faults = read_filter(texts)
    if faults:
        raise unreadable([Fault(f"query:{name}", detail) for name, detail in faults.items()])
    return {**wanted, "narrowed": narrowed}


_NARROWED = ("q", "counterparty", "book", "product", "from", "to")


class _ListQuery:
    """Reads the query of a list; every malformed parameter is named by a Problem 400."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._query = given

    def text(self, name: str) -> str | None:
        value = self._query.get(name)
        if value is not None and "\0" in value:
            raise unreadable([Fault(f"query:{name}", "NUL is not allowed.")])
        return value or None

    def state(self) -> State | None:
        name = self._query.get("status")
        if not name:
            return None
        if name not in State.names:
            raise unreadable([Fault("query:status", f"One of {', '.join(State.names)}.")])
        return State[name]

    def date(self, name: str) -> date | None:
        value = self._query.get(name)
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            raise unreadable([Fault(f"query:{name}", "A date, YYYY-MM-DD.")]) from None
