"""Reference data over the API: one address per kind, the same rows in and out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, cast

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.authentication import require_scope
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.problem import Fault, Problem, unreadable
from core.http.views import RawParser, client_of, json_response
from core.money import format_number
from core.text import text_faults
from refdata import schema
from refdata.files import BrokenFile, rows_of_csv, rows_of_json, rows_of_ndjson
from refdata.kinds.base import Kind
from refdata.lists import list_rows
from refdata.services import OUTCOMES, LoadReport, Mode, RowResult, kind_of, load_rows

MAX_ROWS = 10_000
_PAGING = {"cursor", "limit"}
_STATUS = {"created": 201, "changed": 200, "unchanged": 200, "refused": 422, "withheld": 424}
_READERS: dict[str, Callable[[bytes], list[Any]]] = {
    "application/json": rows_of_json,
    "application/x-ndjson": rows_of_ndjson,
    "text/csv": rows_of_csv,
}


class ReferenceData(APIView):
    """Load or list one kind of reference data."""

    scopes: ClassVar = {"GET": "trades:read", "POST": "refdata:write"}
    parser_classes = (RawParser,)

    @schema.load
    def post(self, request: Request, kind: str) -> HttpResponse:
        declared, now, body = kind_of(kind), utc_now(), request.body
        client = client_of(request)
        if declared.loaded_by:
            require_scope(client, declared.loaded_by)
        mode, reason = _mode_of(request), _reason_of(request)
        rows = _rows_of(request, body)

        def act() -> Answer:
            report = load_rows(
                kind=declared.code, rows=rows, mode=mode, actor=client.actor(), now=now, reason=reason
            )
            return Answer(207, encode(report_document(report)).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)

    @schema.list_
    def get(self, request: Request, kind: str) -> HttpResponse:
        declared, limit = kind_of(kind), limit_of(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=1) or (0,)
        rows = list_rows(kind=declared, filters=_filters_of(request, declared), after=after[0], limit=limit)
        document = page(
            [row_document(row) for _, row in rows],
            next_key=(rows[-1][0],) if len(rows) == limit else None,
        )
        return json_response(document)


def row_document(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON-ready data: decimals as strings without trailing zeros."""
    return {
        name: format_number(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }


def report_document(report: LoadReport) -> dict[str, Any]:
    """Return a load's report: how many rows had each outcome, and one item per row, in order."""
    return {
        "kind": report.kind,
        "mode": report.mode,
        "applied": report.applied,
        **{outcome: report.count(outcome) for outcome in OUTCOMES},
        "items": [_item(result) for result in report.results],
    }


def _item(result: RowResult) -> dict[str, Any]:
    item: dict[str, Any] = {
        "index": result.number - 1,
        "status": _STATUS[result.outcome],
        "outcome": result.outcome,
        "key": result.key,
    }
    if result.outcome == "refused":
        item["problem"] = _refused(result).document()
    elif result.outcome == "withheld":
        item["problem"] = _WITHHELD.document()
    return item


_WITHHELD = Problem(424, "load-failed", "Another row of this atomic load was refused; nothing was stored.")


def _refused(result: RowResult) -> Problem:
    faults = [
        Fault(f"/{fault.field}" if fault.field else "", fault.detail, fault.code) for fault in result.faults
    ]
    return Problem(422, "row-refused", "This row cannot be stored.", faults=faults)


def _mode_of(request: Request) -> Mode:
    mode = request.query_params.get("mode", "partial")
    if mode not in {"partial", "atomic"}:
        raise unreadable([Fault("query:mode", "Either partial or atomic.")])
    return cast(Mode, mode)


def _reason_of(request: Request) -> str:
    reason = request.query_params.get("reason", "")
    if faults := text_faults(reason, pointer="query:reason", required=False):
        raise unreadable(faults)
    return reason.strip()


def _rows_of(request: Request, body: bytes) -> list[Any]:
    """Return the rows of a body; Problem 400, 413 or 415 when there are none, too many, or no reader."""
    content_type = (request.content_type or "").partition(";")[0].strip().lower()
    reader = _READERS.get(content_type)
    if reader is None:
        raise Problem(415, "unsupported-media-type", f"Send one of {', '.join(_READERS)}.")
    try:
        rows = reader(body)
    except BrokenFile as error:
        raise unreadable([Fault("", str(error), "malformed")]) from None
    if not rows:
        raise unreadable([Fault("/items", "At least one row.", "empty")])
    if len(rows) > MAX_ROWS:
        raise Problem(413, "too-many-rows", f"A load has at most {MAX_ROWS:,} rows, not {len(rows):,}.")
    return rows


def _filters_of(request: Request, kind: Kind) -> dict[str, str]:
    """Return the list's filters by name; Problem 400 for one the kind does not have, or a bent date."""
    given = {name: str(value) for name, value in request.query_params.items() if name not in _PAGING}
    faults = []
    for name, value in given.items():
        if name not in kind.filters:
            faults.append(Fault(f"query:{name}", f"Filters: {', '.join(kind.filters)}.", "unknown"))
        elif "\0" in value:
            faults.append(Fault(f"query:{name}", "NUL is not allowed."))
        elif kind.fields[name].type is date and not _is_date(value):
            faults.append(Fault(f"query:{name}", "A date, YYYY-MM-DD."))
    if faults:
        raise unreadable(faults)
    return given


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
