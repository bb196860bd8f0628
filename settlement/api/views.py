"""The back office's door: batches out, claims, acknowledgements and status reports in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from core.as_of import AsOf
from core.clock import utc_now
from core.http.archive import ZipRenderer, zip_response
from core.http.authentication import Client
from core.http.cursor import decode_cursor, encode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.moments import as_of, as_of_list, next_key
from core.http.problem import Fault, Problem, not_found, render, unreadable
from core.http.views import RawParser, client_of, json_response
from core.ids import BATCH, INSTRUCTION, database_id, public_id
from settlement.api import schema
from settlement.api.documents import (
    batch_document,
    claim_document,
    cut_off_document,
    status_document,
)
from settlement.api.ranges import Unsatisfiable, byte_range
from settlement.api.reading import read_acknowledgement, read_lease, read_reports
from settlement.evidence import evidence_of_batch
from settlement.forecast import next_cut_offs
from settlement.models import CHANNELS
from settlement.selectors import (
    BATCH_STATUSES,
    claims_of,
    content,
    instructions_of,
    lines,
    list_batches,
    read_batch,
)
from settlement.services import acknowledge, report
from settlement.services.claim import claim_batch, release_batch, require_free

NDJSON = "application/x-ndjson"


class NdjsonRenderer(JSONRenderer):
    """Lets a client ask for the canonical lines; the view itself streams them."""

    media_type = NDJSON
    format = "ndjson"


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
        where, after = _from(request)
        rows = list_batches(
            channel=_choice(request, "channel", CHANNELS),
            status=_choice(request, "status", BATCH_STATUSES),
            value_date=_date(request, "value_date"),
            after=after,
            limit=limit,
            as_of=where,
        )
        more = _key(where, rows[-1]["id"]) if len(rows) == limit else None
        return json_response(page([batch_document(row) for row in rows], next_key=more))


class Batch(APIView):
    """One batch: what is in it, and how far the back office is with it."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.read_batch
    def get(self, request: Request, reference: str) -> HttpResponse:
        return json_response(batch_document(_batch(reference, as_of(request, now=utc_now()))))


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
        pack = evidence_of_batch(_batch(reference)["id"], actor=client.actor(), now=now)
        return zip_response(pack, name=f"evidence-{reference}.zip")


class Claims(APIView):
    """Claim a batch, extend or give back the claim, and see who has it."""

    scopes: ClassVar = {"GET": "settlement:read", "POST": "settlement:ack", "DELETE": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.list_claims
    def get(self, request: Request, reference: str) -> HttpResponse:
        now = utc_now()
        claims = claims_of(_batch(reference)["id"])
        return json_response(page([claim_document(row, now=now) for row in claims], next_key=None))

    @schema.claim
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        batch_id, seconds = _batch_id(reference), read_lease(body)
        return answer_once(
            request,
            client=client,
            now=now,
            body=body,
            act=lambda: _claim(batch_id, client, seconds, now),
        )

    @schema.release
    def delete(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        batch_id = _batch_id(reference)
        return answer_once(
            request, client=client, now=now, body=body, act=lambda: _release(batch_id, client, now)
        )


class Instructions(APIView):
    """The instructions of a batch: as pages of JSON, or its canonical bytes as one stream."""

    scopes: ClassVar = {"GET": "settlement:read"}
    renderer_classes = (JSONRenderer, NdjsonRenderer)

    @schema.read_instructions
    def get(self, request: Request, reference: str) -> HttpResponseBase:
        where, after = _from(request)
        batch = _batch(reference, where)
        require_free(batch_id=batch["id"])
        as_lines = getattr(request, "accepted_renderer", None)
        response = (
            _stream(request, batch)
            if as_lines and as_lines.media_type == NDJSON
            else _lines(request, batch, where, after)
        )
        response["Vary"] = "Accept"
        return response


class Statuses(APIView):
    """What the back office has said of each instruction of a batch, by line."""

    scopes: ClassVar = {"GET": "settlement:read"}

    @schema.read_statuses
    def get(self, request: Request, reference: str) -> HttpResponse:
        limit = limit_of(request)
        where, after = _from(request)
        rows = instructions_of(_batch(reference, where)["id"], after_line=after, limit=limit, as_of=where)
        more = _key(where, rows[-1]["line"]) if len(rows) == limit else None
        return json_response(page([status_document(row) for row in rows], next_key=more))


class Acknowledgements(APIView):
    """Accept or reject instructions of a claimed batch, with control totals."""

    scopes: ClassVar = {"POST": "settlement:ack"}
    parser_classes = (RawParser,)

    @schema.acknowledge
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        batch_id = _batch_id(reference)
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
        reports = read_reports(body)
        return answer_once(
            request, client=client, now=now, body=body, act=lambda: _report(reports, client, now)
        )


def _claim(batch_id: int, client: Client, seconds: int, now: datetime) -> Answer:
    claim = claim_batch(
        batch_id=batch_id, client=client, lease_seconds=seconds, actor=client.actor(), now=now
    )
    row = {
        "id": claim.id,
        "batch_id": claim.batch_id,
        "client_name": claim.client_name,
        "claimed_at": claim.claimed_at,
        "expires_at": claim.expires_at,
        "ended_at": None,
    }
    return Answer(201 if claim.is_new else 200, msgspec.json.encode(claim_document(row, now=now)))


def _release(batch_id: int, client: Client, now: datetime) -> Answer:
    released = release_batch(batch_id=batch_id, client=client, actor=client.actor(), now=now)
    return Answer(200, msgspec.json.encode({"released": released}))


def _acknowledge(
    batch_id: int,
    answers: Sequence[acknowledge.Answer],
    control: acknowledge.Control,
    client: Client,
    now: datetime,
) -> Answer:
    results = acknowledge.acknowledge_instructions(
        batch_id=batch_id, answers=answers, control=control, client=client, actor=client.actor(), now=now
    )
    items = [_result(at, each) for at, each in enumerate(results)]
    return _multi_status(items)


def _report(reports: Sequence[report.Report], client: Client, now: datetime) -> Answer:
    results = report.report_status(reports=reports, actor=client.actor(), now=now)
    items = [
        {**_result(at, each), **({"settlement": each.settlement} if each.settlement else {})}
        for at, each in enumerate(results)
    ]
    return _multi_status(items)


_TITLES = {
    404: ("not-found", "There is no such instruction here."),
    409: ("contradicts", "This contradicts what was said before."),
    422: ("quantity-out-of-range", "This cannot be the quantity."),
}


def _result(index: int, result: acknowledge.Result | report.Result) -> dict[str, Any]:
    item = {
        "index": index,
        "instruction": public_id(INSTRUCTION, result.instruction_id),
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


def _stream(request: Request, batch: dict[str, Any]) -> HttpResponseBase:
    """Return the batch's canonical bytes, or the range of them that was asked for, as they are stored."""
    etag, size = f'"{batch["sha256"]}"', batch["byte_count"]
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-transform"}
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in known or f"W/{etag}" in known:
        return HttpResponse(status=304, headers=headers)
    wanted = None
    if request.headers.get("If-Range", etag) == etag:
        try:
            wanted = byte_range(request.headers.get("Range", ""), size)
        except Unsatisfiable:
            problem = Problem(
                416,
                "range-not-satisfiable",
                f"The batch has {size} bytes.",
                headers={**headers, "Content-Range": f"bytes */{size}"},
            )
            return render(problem)
    start, stop = wanted or (0, size)
    headers["Content-Length"] = str(stop - start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    body: Iterator[bytes] = (
        iter(()) if request.method == "HEAD" else content(batch["id"], start=start, stop=stop)
    )
    return StreamingHttpResponse(
        body, status=200 if wanted is None else 206, content_type=NDJSON, headers=headers
    )


def _batch_id(reference: str) -> int:
    batch_id = database_id(BATCH, reference)
    if batch_id is None:
        raise not_found("settlement batch")
    return batch_id


def _from(request: Request) -> tuple[AsOf | None, int]:
    """Return where on the axes of time a list looks (None: the present), and the number it goes on after."""
    where, after = as_of_list(request, now=utc_now())
    if where is None:
        after = (decode_cursor(request.query_params.get("cursor", ""), parts=1) or (0,))[0]
    return where, after


def _key(where: AsOf | None, last: int) -> tuple[int, ...]:
    return (last,) if where is None else next_key(where, last)


def _batch(reference: str, where: AsOf | None = None) -> dict[str, Any]:
    row = read_batch(_batch_id(reference), as_of=where)
    if row is None:
        raise not_found("settlement batch")
    return row


def _choice(request: Request, name: str, allowed: Sequence[str]) -> str | None:
    value = request.query_params.get(name)
    if value and value not in allowed:
        raise unreadable([Fault(f"query:{name}", f"One of {', '.join(allowed)}.")])
    return value or None


def _date(request: Request, name: str) -> date | None:
    value = request.query_params.get(name)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise unreadable([Fault(f"query:{name}", "A date, YYYY-MM-DD.")]) from None
