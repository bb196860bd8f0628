"""The back office's door: batches out, acknowledgements and status reports in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from core.as_of import AsOf
from core.clock import utc_now
from core.contents import content_of
from core.http.archive import ZipRenderer, zip_response
from core.http.authentication import Client
from core.http.cursor import decode_cursor, encode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.moments import as_of, as_of_list, next_key
from core.http.named import with_view
from core.http.problem import Fault, Problem, unreadable
from core.http.views import RawParser, client_of, json_response
from core.ids import INSTRUCTION, public_id
from core.xml import is_xml
from settlement.api import schema
from settlement.api.addressed import batch_id_of, batch_of, hidden_channels
from settlement.api.documents import (
    batch_document,
    cut_off_document,
    standing_document,
    status_document,
)
from settlement.api.formats import RENDERERS, Negotiation, format_of, stream
from settlement.api.reading import read_acknowledgement, read_reports
from settlement.api.xml import read_messages
from settlement.channel_codes import channel_codes
from settlement.evidence import evidence_of_batch
from settlement.forecast import next_cut_offs
from settlement.records import record_document, records_of
from settlement.selectors import (
    BATCH_STANDINGS,
    BATCH_STATUSES,
    instructions_of,
    lines,
    list_batches,
)
from settlement.services import acknowledge, report
from settlement.services.acknowledge_records import acknowledge_lines
from settlement.services.claim import require_free


class CutOffs(APIView):
    """The next cut-offs, what is open against each, and what will miss it at the present pace."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.read_cut_offs
    def get(self, request: Request) -> HttpResponse:
        now = utc_now()
        items = [cut_off_document(each, now=now) for each in next_cut_offs(now=now)]
        return json_response({"as_of": now, "items": items})


class Batches(APIView):
    """List batches in the order of sealing."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.list_batches
    def get(self, request: Request) -> HttpResponse:
        limit = limit_of(request)
        given, now = with_view(request, of="batches"), utc_now()
        where, after = _from(request)
        rows = list_batches(
            channel=_choice(given, "channel", channel_codes()),
            status=_choice(given, "status", BATCH_STATUSES),
            standing=_choice(given, "standing", list(BATCH_STANDINGS)),
            value_date=_date(given, "value_date"),
            after=after,
            limit=limit,
            hidden=hidden_channels(client_of(request)),
            now=where.as_at if where and where.as_at else now,
            as_of=where,
        )
        more = _key(where, rows[-1]["id"]) if len(rows) == limit else None
        return json_response(page([batch_document(row) for row in rows], next_key=more))


class Batch(APIView):
    """One batch: what is in it, and how far the back office is with it."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.read_batch
    def get(self, request: Request, reference: str) -> HttpResponse:
        return json_response(batch_document(batch_of(request, reference, as_of(request, now=utc_now()))))


class Evidence(APIView):
    """All that is known of a batch and its trades, as a zip that verifies itself."""

    scopes: ClassVar = {"GET": "audit:read"}
    renderer_classes = (ZipRenderer,)

    @schema.read_evidence
    def get(self, request: Request, reference: str) -> HttpResponseBase:
        client, now = client_of(request), utc_now()
        if client.sources:
            raise Problem(
                403, "bound-client", "A batch has trades of every source; this client is bound to its own."
            )
        pack = evidence_of_batch(batch_of(request, reference)["id"], actor=client.actor(), now=now)
        return zip_response(pack, name=f"evidence-{reference}.zip")


class Instructions(APIView):
    """The instructions of a batch: as pages of JSON, or the whole of it as one stream in one of the formats."""

    scopes: ClassVar = {"GET": "settlement:read"}
    renderer_classes = RENDERERS
    content_negotiation_class = Negotiation

    @schema.read_instructions
    def get(self, request: Request, reference: str) -> HttpResponseBase:
        where, after = _from(request)
        batch = batch_of(request, reference, where)
        require_free(batch_id=batch["id"])
        format = format_of(request)
        response = stream(request, batch, format) if format else _lines(request, batch, where, after)
        response["Vary"] = "Accept"
        return response


class Statuses(APIView):
    """What the back office has said of each instruction, or record, of a batch, by line."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.read_statuses
    def get(self, request: Request, reference: str) -> HttpResponse:
        limit = limit_of(request)
        where, after = _from(request)
        batch = batch_of(request, reference, where)
        read, document = (
            (instructions_of, status_document)
            if content_of(batch["channel"]) is None
            else (records_of, record_document)
        )
        rows = read(batch["id"], after_line=after, limit=limit, as_of=where)
        more = _key(where, rows[-1]["line"]) if len(rows) == limit else None
        return json_response(page([document(row) for row in rows], next_key=more))


class Acknowledgements(APIView):
    """Accept or reject instructions of a claimed batch, with control totals."""

    scopes: ClassVar = {"POST": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.acknowledge
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        batch_id = batch_id_of(request, reference)
        answers, control = read_acknowledgement(body)
        return answer_once(
            request,
            client=client,
            now=now,
            body=body,
            act=lambda: _acknowledge(batch_id, answers, control, client, now),
        )


class StatusReports(APIView):
    """Tell what became of instructions."""

    scopes: ClassVar = {"POST": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.report_status
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        reports = read_messages(body) if is_xml(request.content_type or "") else read_reports(body)
        return answer_once(
            request, client=client, now=now, body=body, act=lambda: _report(reports, client, now)
        )


def _acknowledge(
    batch_id: int,
    answers: Sequence[acknowledge.Answer],
    control: acknowledge.Control,
    client: Client,
    now: datetime,
) -> Answer:
    results = acknowledge_lines(
        batch_id=batch_id, answers=answers, control=control, client=client, actor=client.actor(), now=now
    )
    items = [_result(at, each, prefix=each.prefix) for at, each in enumerate(results)]
    return _multi_status(items)


def _report(reports: Sequence[report.Report], client: Client, now: datetime) -> Answer:
    results = report.report_status(reports=reports, actor=client.actor(), now=now)
    items = [
        {**_result(at, each), **(standing_document(each.standing) if each.standing else {})}
        for at, each in enumerate(results)
    ]
    return _multi_status(items)


_TITLES = {
    404: ("not-found", "There is no such line here."),
    409: ("contradicts", "This contradicts what was said before."),
    422: ("quantity-out-of-range", "This cannot be the quantity."),
}


def _result(
    index: int, result: acknowledge.Result | report.Result, *, prefix: str = INSTRUCTION
) -> dict[str, Any]:
    item = {
        "index": index,
        "instruction" if prefix == INSTRUCTION else "record": public_id(prefix, result.instruction_id),
        "status": result.status,
    }
    if result.status != 200:
        code, title = _TITLES[result.status]
        item["problem"] = Problem(result.status, code, title, detail=result.detail).document()
    return item


def _multi_status(items: list[dict[str, Any]]) -> Answer:
    refused = sum(item["status"] != 200 for item in items)
    document = {"applied": len(items) - refused, "refused": refused, "items": items}
    return Answer(207, msgspec.json.encode(document))


def _lines(request: Request, batch: dict[str, Any], where: AsOf | None, after: int) -> HttpResponse:
    """Return one page of lines as JSON, the lines themselves as they are stored."""
    limit = limit_of(request)
    if not 0 <= after <= batch["instruction_count"]:
        raise unreadable([Fault("query:cursor", "Use a cursor exactly as `next` gave it.")])
    found = lines(batch["id"], after=after, limit=limit)
    last = after + len(found)
    more = encode_cursor(_key(where, last)) if last < batch["instruction_count"] else None
    body = b'{"items":[' + b",".join(found) + b'],"next":' + msgspec.json.encode(more) + b"}"
    return HttpResponse(body, content_type="application/json")


def _from(request: Request) -> tuple[AsOf | None, int]:
    """Return where on the axes of time a list looks (None: the present), and the number it goes on after."""
    where, after = as_of_list(request, now=utc_now())
    if where is None:
        after = (decode_cursor(request.query_params.get("cursor", ""), parts=1) or (0,))[0]
    return where, after


def _key(where: AsOf | None, last: int) -> tuple[int, ...]:
    return (last,) if where is None else next_key(where, last)


def _choice(given: Mapping[str, str], name: str, allowed: Sequence[str]) -> str | None:
    value = given.get(name)
    if value and value not in allowed:
        raise unreadable([Fault(f"query:{name}", f"One of {', '.join(allowed)}.")])
    return value or None


def _date(given: Mapping[str, str], name: str) -> date | None:
    value = given.get(name)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise unreadable([Fault(f"query:{name}", "A date, YYYY-MM-DD.")]) from None
