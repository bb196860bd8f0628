"""Invoices and credit notes for whoever books and sends them, and credits by whoever may ask for one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, ClassVar

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.body import JsonBody
from core.http.cursor import decode_cursor, encode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.named import with_view
from core.http.problem import Fault, not_found, unreadable
from core.http.views import OneForm, RawParser, client_of, json_response
from core.ids import INSTRUCTION, INVOICE, PROPOSAL, TRADE, database_id, public_id
from core.money import format_amount, format_number
from settlement.api import invoices_schema
from settlement.invoices import Wanted, lines_of, list_invoices, read_invoice
from settlement.services.credit import MAX_LINES, Wish, credit_invoice

KINDS = ("INVOICE", "CREDIT_NOTE")
_CSV_AT_ONCE = 50  # invoices whose lines are read together
_LINE_FIELDS = ("line", "quantity", "net")


class Invoices(APIView):
    """Invoices and credit notes in the order in which they were committed; a kept cursor misses none."""

    scopes: ClassVar = {"GET": "settlement:read"}
    content_negotiation_class = OneForm  # `format=` is our own

    @invoices_schema.listing
    def get(self, request: Request) -> HttpResponseBase:
        limit = limit_of(request)
        as_csv = _format_of(request) == "csv"
        after = decode_cursor(request.query_params.get("cursor", ""), parts=2)
        rows = list_invoices(wanted=_wanted(request), after=after, limit=limit)
        more = (rows[-1]["xid"], rows[-1]["id"]) if len(rows) == limit else None
        if not as_csv:
            return json_response(page([invoice_document(row) for row in rows], next_key=more))
        headers = {} if more is None else {"Link": f'<?format=csv&cursor={encode_cursor(more)}>; rel="next"'}
        return StreamingHttpResponse(_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)


class Invoice(APIView):
    """One invoice or credit note, with its lines."""

    scopes: ClassVar = {"GET": "settlement:read"}
    content_negotiation_class = OneForm

    @invoices_schema.reading
    def get(self, request: Request, reference: str) -> HttpResponseBase:
        row = read_invoice(invoice_id_of(reference))
        if row is None:
            raise not_found("invoice")
        if _format_of(request) == "csv":
            return StreamingHttpResponse(_csv([row]), content_type="text/csv; charset=utf-8")
        return json_response(whole_document(row))


class Credits(APIView):
    """Credit lines of an invoice, at once or when a second person has approved it."""

    scopes: ClassVar = {"POST": "invoices:credit"}
    parser_classes = (RawParser,)

    @invoices_schema.crediting
    def post(self, request: Request, reference: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        wishes, reason = read_credit(body)

        def act() -> Answer:
            outcome = credit_invoice(
                invoice_id=invoice_id_of(reference),
                wishes=wishes,
                reason=reason,
                user=None,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            if outcome.document_id is None:
                document = {"proposal": public_id(PROPOSAL, outcome.proposal_id or 0), "state": "PENDING"}
                return Answer(202, encode(document).encode())
            row = read_invoice(outcome.document_id)
            assert row is not None  # noqa: S101 - it was just stored
            location = f"/api/v1/invoices/{public_id(INVOICE, outcome.document_id)}"
            return Answer(201, encode(whole_document(row)).encode(), {"Location": location})

        return answer_once(request, client=client, now=now, body=body, act=act)


def invoice_id_of(reference: str) -> int:
    """Return the database id of an invoice's reference, which need not exist; Problem 404 for what is none."""
    found = database_id(INVOICE, reference)
    if found is None:
        raise not_found("invoice")
    return found


def _format_of(request: Request) -> str:
    wanted = request.query_params.get("format", "json")
    if wanted not in {"json", "csv"}:
        raise unreadable([Fault("query:format", "One of json, csv.", "unknown")])
    return wanted


def _wanted(request: Request) -> Wanted:
    given = with_view(request, of="invoices")
    kind, trade = given.get("kind", ""), given.get("trade")
    trade_id = database_id(TRADE, trade) if trade is not None else None
    faults = []
    if kind and kind not in KINDS:
        faults.append(Fault("query:kind", f"One of {', '.join(KINDS)}.", "unknown"))
    if trade is not None and trade_id is None:
        faults.append(Fault("query:trade", "A trade such as trd_4S7H.", "unknown"))
    texts = {name: given.get(name, "") for name in ("customer", "entity", "currency")}
    faults += [Fault(f"query:{name}", "No NUL.", "type") for name, text in texts.items() if "\0" in text]
    if faults:
        raise unreadable(faults)
    return Wanted(kind=kind, trade_id=trade_id, **texts)


def read_credit(body: bytes) -> tuple[list[Wish], str]:
    """Return what a body asks to be credited, and why; Problem 400 with every fault."""
    read = JsonBody(body, known=("lines", "reason"), most=1_000_000)
    reason = read.text("reason", required=True, max_length=1_000)
    lines = read.given.get("lines", [])
    if not isinstance(lines, list) or len(lines) > MAX_LINES:
        read.faults.append(Fault("/lines", f"A list of at most {MAX_LINES:,} lines.", "type"))
        lines = []
    wishes = [_wish(place, each, read.faults) for place, each in enumerate(lines)]
    read.check()
    return wishes, reason or ""


def _wish(place: int, given: Any, faults: list[Fault]) -> Wish:
    part = JsonBody(encode(given).encode(), known=_LINE_FIELDS) if isinstance(given, dict) else None
    if part is None:
        faults.append(Fault(f"/lines/{place}", "A JSON object.", "type"))
        return Wish(0)
    line, quantity, net = part.whole("line"), part.decimal("quantity"), part.decimal("net")
    if line is None and "line" not in {fault.pointer[1:] for fault in part.faults}:
        part.faults.append(Fault("/line", "This field is required.", "missing"))
    faults += [Fault(f"/lines/{place}{each.pointer}", each.detail, each.code) for each in part.faults]
    return Wish(line or 0, quantity, net)


def invoice_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the head of an invoice or credit note as JSON-ready data."""
    currency = row["currency"]
    money = {name: format_amount(row[name], currency) for name in ("net", "tax", "gross", "credited")}
    return {
        "id": public_id(INVOICE, row["id"]),
        "kind": row["kind"],
        "reference": row["reference"],
        "entity": row["entity"],
        "customer": row["customer"],
        "billing": row["billing"],
        "currency": currency,
        "invoice_date": row["invoice_date"],
        "due_date": row["due_date"],
        "trade": None if row["trade_id"] is None else public_id(TRADE, row["trade_id"]),
        "credits": row["credits_reference"],
        "reason": row["reason"],
        **money,
        "issued_at": row["issued_at"],
    }


def whole_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an invoice or credit note with its lines."""
    return {
        **invoice_document(row),
        "lines": [line_document(line, row["currency"]) for line in lines_of([row["id"]])],
    }


def line_document(line: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Return a line as JSON-ready data."""
    instruction = line["instruction_id"]
    return {
        "line": line["line"],
        "text": line["text"],
        "quantity": format_number(line["quantity"]),
        "unit_price": format_number(line["unit_price"]),
        "net": format_amount(line["net"], currency),
        "tax_rate": None if line["tax_rate"] is None else format_number(line["tax_rate"]),
        "tax_rule": line["tax_rule"],
        "tax_rule_version": line["tax_rule_version"],
        "tax": format_amount(line["tax"], currency),
        "gross": format_amount(line["gross"], currency),
        "trade": public_id(TRADE, line["trade_id"]),
        "version": line["version"],
        "source": line["source"],
        "source_ref": line["source_ref"],
        "item": line["item"],
        "instruction": None if instruction is None else public_id(INSTRUCTION, instruction),
        "accrual": line["accrual_id"],
        "credits_line": line["credits_line"],
    }


_HEAD_COLUMNS = ("reference", "kind", "entity", "customer", "currency", "invoice_date", "due_date", "credits")


def _csv(rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield invoices as CSV, a row for each line, with what its invoice says in front."""
    first = True
    for at in range(0, len(rows), _CSV_AT_ONCE):
        heads = {row["id"]: row for row in rows[at : at + _CSV_AT_ONCE]}
        for invoice_id, lines in groupby(lines_of(list(heads)), key=lambda line: line["invoice_id"]):
            head = invoice_document(heads[invoice_id])
            documents = [line_document(line, head["currency"]) for line in lines]
            yield _csv_rows([_HEAD_COLUMNS + tuple(documents[0])] if first else [], head, documents)
            first = False


def _csv_rows(
    titles: Sequence[Sequence[str]], head: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows(titles)
    for line in lines:
        writer.writerow(
            [_cell(head[name]) for name in _HEAD_COLUMNS] + [_cell(each) for each in line.values()]
        )
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
