"""Exceptions over the API: a front office sees why its deals are held and answers; a desk's tool works many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import business_date, utc_now
from core.http.authentication import Client
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once, to_response
from core.http.named import with_view
from core.http.problem import Fault, Problem, not_found, unreadable
from core.http.views import OneForm, RawParser, client_of, json_response
from core.ids import EXCEPTION, TRADE, database_id, public_id
from core.money import format_amount
from trades.api import exception_schema as schema
from trades.api.views import wants_dry_run
from trades.selectors import desk
from trades.selectors.exceptions import QUEUES, Narrowing
from trades.selectors.straight_through import MAX_DAYS, straight_through
from trades.services.comments import comment
from trades.services.desk import DONE, REFUSED, UNCHANGED, Asked, Result, act_on_exceptions
from trades.work_items import MAX_CAUSE, Move, kind_of, kinds, next_action

MAX_BODY_BYTES = 256 * 1024
_STATUS = {DONE: 200, UNCHANGED: 200, REFUSED: 409}


def exception_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a work item as JSON-ready data. Money is in base currency."""
    kind, reference = kind_of(row["kind"]), public_id(EXCEPTION, row["id"])
    amount, is_open = row["amount_at_risk"], row["closed_at"] is None
    base = f"/api/v1/exceptions/{reference}"
    about = public_id(TRADE if row["trade_id"] else row["subject"], row["subject_id"])
    trade = about if row["trade_id"] else None
    names = ("codes", "causes", "summary", "move", "owner", "team", "root_cause", "resolution", "reopenings")
    moments = ("deadline", "opened_at", "reopened_at", "closed_at", "snoozed_until", "escalated_at")
    return {
        "id": reference,
        "trade": trade,
        "about": {"subject": row["subject"], "id": about, "member": row["member"] or None},
        "source": row["source"],
        "source_ref": row["source_ref"],
        "status": "OPEN" if is_open else "CLOSED",
        "kind": kind.code,
        "severity": kind.severity,
        **{name: row[name] for name in names},
        "next_action": next_action(kind=kind.code, codes=row["codes"], move=row["move"]) if is_open else None,
        "amount_at_risk": None if amount is None else format_amount(amount, settings.BASE_CURRENCY),
        "currency": settings.BASE_CURRENCY,
        **{name: row[name] and row[name].astimezone(UTC) for name in moments},
        "links": {
            "self": base,
            "comments": f"{base}/comments",
            "trade": trade and f"/api/v1/trades/{trade}",
        },
    }


class Exceptions(APIView):
    """List work items of the client's sources in the order in which they were opened."""

    scopes: ClassVar = {"GET": "exceptions:read"}
    of_desks: ClassVar = frozenset({"GET"})

    @schema.list_exceptions
    def get(self, request: Request) -> HttpResponse:
        query = with_view(request, of="exceptions")
        if "status" in request.query_params:
            query.pop("queue", "")
        status, queue = query.get("status", "open"), query.get("queue", "")
        faults = [] if status in {"open", "closed"} else [Fault("query:status", "Either open or closed.")]
        if queue and queue not in QUEUES:
            faults.append(Fault("query:queue", f"One of {', '.join(QUEUES)}."))
        narrowing = _narrowing(query, faults)
        after = decode_cursor(query.get("cursor", ""), parts=2)
        limit = limit_of(request)
        if faults:
            raise unreadable(faults)
        rows = desk.list_items(
            sources=client_of(request).sources,
            is_open=status == "open",
            queue=queue,
            narrowing=narrowing,
            now=utc_now(),
            after=after,
            limit=limit,
        )
        more = (rows[-1]["xid"], rows[-1]["id"]) if len(rows) == limit else None
        return json_response(page([exception_document(row) for row in rows], next_key=more))


def _narrowing(query: Mapping[str, str], faults: list[Fault]) -> Narrowing:
    given = {name: query.get(name, "") for name in ("code", "kind", "move", "cause")}
    for name, value in given.items():
        if "\0" in value or len(value) > MAX_CAUSE:
            faults.append(Fault(f"query:{name}", f"A text of at most {MAX_CAUSE} characters without NUL."))
    for name, known in (("kind", kinds()), ("move", Move.values)):
        if given[name] and given[name] not in known:
            faults.append(Fault(f"query:{name}", f"One of {', '.join(known)}."))
    return Narrowing(**given)


class ExceptionItem(APIView):
    """One work item of the client's sources, with what was said to the front office and by it."""

    scopes: ClassVar = {"GET": "exceptions:read"}
    of_desks: ClassVar = frozenset({"GET"})

    @schema.read_exception
    def get(self, request: Request, reference: str) -> HttpResponse:
        row = _visible(request, reference)
        return json_response({**exception_document(row), "comments": _comments(row["id"])})


class ExceptionComments(APIView):
    """What was said of a work item to the front office; and its answer, which gives the move back to operations."""

    scopes: ClassVar = {"GET": "exceptions:read", "POST": "exceptions:answer"}
    of_desks: ClassVar = frozenset({"GET"})
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm

    @schema.list_comments
    def get(self, request: Request, reference: str) -> HttpResponse:
        return json_response({"items": _comments(_visible(request, reference)["id"])})

    @schema.answer
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        row = _visible(request, reference)
        said = read_body(body, _SAID)

        def act() -> Answer:
            written = comment(
                exception_id=row["id"], text=said.text, answers=True, actor=client.actor(), now=now
            )
            document = _comment_document(
                {"id": written, "author": client.actor().name, "text": said.text.strip(), "written_at": now}
            )
            return Answer(201, encode(document).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)


class ExceptionActions(APIView):
    """Do one thing to up to 2,000 work items, with a result for each."""

    scopes: ClassVar = {"POST": "exceptions:work"}
    parser_classes = (RawParser,)
    content_negotiation_class = OneForm

    @schema.act
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        wanted, dry_run = read_body(body, _WANTED), wants_dry_run(request)

        def act() -> Answer:
            return _act(wanted, client, now, dry_run=dry_run)

        if dry_run:
            return to_response(act())
        return answer_once(request, client=client, now=now, body=body, act=act)


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    text: str


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    action: str
    ids: list[str]
    reason: str = ""
    text: str = ""
    audience: str = "INTERNAL"
    owner: str = ""
    team: str = ""
    until: datetime | None = None
    root_cause: str = ""


_SAID, _WANTED = msgspec.json.Decoder(_Said), msgspec.json.Decoder(_Wanted)


def read_body(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return a body as the decoder's type; Problem 400 or 413 when it is none."""
    if len(body) > MAX_BODY_BYTES:
        raise Problem(413, "too-large", f"This request is at most {MAX_BODY_BYTES:,} bytes.")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail, _, place = str(error).partition(" - at ")
        pointer = place.strip("`").removeprefix("$").replace(".", "/").replace("[...]", "")
        raise unreadable([Fault(pointer, f"{detail}.", "malformed")]) from None


def _act(wanted: _Wanted, client: Client, now: datetime, *, dry_run: bool) -> Answer:
    """Do what is wanted to the items the client may see; the others are as if they were not there."""
    given = [(database_id(EXCEPTION, each) or 0) for each in wanted.ids]
    until = wanted.until
    if until is not None and until.tzinfo is None:
        raise unreadable([Fault("/until", "A moment with its offset from UTC.", "type")])
    visible = {number for number, row in desk.items_of(given).items() if client.may_use(row["source"] or "")}
    # What is unseen keeps its place under a number that no item has.
    asked = Asked(
        wanted.action,
        reason=wanted.reason,
        text=wanted.text,
        audience=wanted.audience,
        owner=wanted.owner,
        team=wanted.team,
        until=until,
        root_cause=wanted.root_cause,
    )
    seen = [number if number in visible else 0 for number in given]
    results = act_on_exceptions(
        exception_ids=seen, asked=asked, actor=client.actor(), now=now, dry_run=dry_run
    )
    by_number = {each.exception_id: each for each in results}
    document = results_document([by_number[number] for number in seen], references=wanted.ids)
    return Answer(207, encode(document).encode())


def results_document(results: Sequence[Result], *, references: Sequence[str] = ()) -> dict[str, Any]:
    """Return the results of an action as JSON-ready data: how many of each outcome, and each in order.

    references: how the client has named the items; without them, by their public ids.
    """
    items = []
    for index, each in enumerate(results):
        document = {
            "index": index,
            "status": _STATUS.get(each.outcome, 404),
            "id": references[index] if references else public_id(EXCEPTION, each.exception_id),
            "outcome": each.outcome,
        }
        items.append({**document, "detail": each.detail} if each.detail else document)
    counts = {
        name: sum(1 for each in items if each["outcome"] == name.upper())
        for name in ("done", "unchanged", "refused", "unknown")
    }
    return {**counts, "items": items}


def _visible(request: Request, reference: str) -> dict[str, Any]:
    """Return a work item of the client's sources; the others are as if they were not there."""
    number = database_id(EXCEPTION, reference)
    row = None if number is None else desk.item_of(number)
    if row is None or not client_of(request).may_use(row["source"] or ""):
        raise not_found("exception")
    return row


def _comments(exception_id: int) -> list[dict[str, Any]]:
    return [_comment_document(each) for each in desk.shared_comments(exception_id)]


def _comment_document(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "written_at": row["written_at"].astimezone(UTC)}


class StraightThrough(APIView):
    """The straight-through rate of the client's sources on some trade dates, and where trades were lost."""

    scopes: ClassVar = {"GET": "exceptions:read"}

    @schema.straight_through
    def get(self, request: Request) -> HttpResponse:
        first, last = _days(request)
        found = straight_through(first=first, last=last, sources=client_of(request).sources)
        return json_response({"from": first, "to": last, **asdict(found)})


def _days(request: Request) -> tuple[date, date]:
    """Return the first and the last day of a request, both today unless told; Problem 400 with every fault."""
    today, faults, days = business_date(utc_now()), [], []
    for name in ("from", "to"):
        value = request.query_params.get(name, "")
        try:
            days.append(date.fromisoformat(value) if value else today)
        except ValueError:
            faults.append(Fault(f"query:{name}", "A date, YYYY-MM-DD."))
    if not faults and not 0 <= (days[1] - days[0]).days < MAX_DAYS:
        faults.append(Fault("query:to", f"Not before `from`, and at most {MAX_DAYS} days in all."))
    if faults:
        raise unreadable(faults)
    return days[0], days[1]
