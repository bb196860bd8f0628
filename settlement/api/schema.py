"""The description of the settlement API, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from core.contents import contents
from core.http.moments import IN_QUERY as AXES
from core.http.named import IN_QUERY as VIEW
from core.ids import BATCH, INSTRUCTION, JOURNAL_ENTRY, TRADE, public_id
from settlement.api.describing import KEY as _KEY
from settlement.api.describing import PROBLEM as _PROBLEM
from settlement.api.describing import REFERENCE as _REFERENCE
from settlement.api.describing import example as _example
from settlement.api.describing import object_of as _object
from settlement.api.formats import JSON, LINES
from settlement.api.messages import MESSAGES
from settlement.api.reading import DIRECTIONS
from settlement.channel_codes import channel_codes
from settlement.formats import FORMATS
from settlement.selectors import BATCH_STANDINGS, BATCH_STATUSES
from settlement.services.acknowledge import MAX_ITEMS
from settlement.services.standing import KINDS

_CURSOR = OpenApiParameter("cursor", str, description="`next` of the page before")
_LIMIT = OpenApiParameter("limit", int, description="1 to 1000, default 100")
_BATCH_ID, _FIRST, _SECOND = public_id(BATCH, 41), public_id(INSTRUCTION, 1001), public_id(INSTRUCTION, 1002)

_ENTRY = public_id(JOURNAL_ENTRY, 1001)
_RECORD_DIRECTIONS = sorted({direction for each in contents() for direction in each.directions})
_BATCH_EXAMPLE: dict[str, Any] = {
    "id": _BATCH_ID,
    "channel": "CASH",
    "sequence": 17,
    "status": "SEALED",
    "value_date": "2026-11-25",
    "sealed_at": "2026-11-24T18:00:04Z",
    "instruction_count": 2,
    "trade_count": 9,
    "control_totals": {
        "EUR": {"DELIVER": {"count": 1, "sum": "1250.00"}},
        "USD": {"RECEIVE": {"count": 1, "sum": "18726.95"}},
    },
    "byte_count": 1322,
    "sha256": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
    "progress": {"accepted": 0, "rejected": 0, "settled": 0},
    "first_claimed_at": None,
    "recalled_at": None,
    "release": {"amount": "25000000.00", "released_at": "2026-11-24T18:03:10Z"},
    "manifest": {
        "statement": {
            "format": 1,
            "batch": _BATCH_ID,
            "channel": "CASH",
            "sequence": 17,
            "value_date": "2026-11-25",
            "sealed_at": "2026-11-24T18:00:04.000000Z",
            "instruction_count": 2,
            "trade_count": 9,
            "control_totals": {
                "EUR": {"DELIVER": {"count": 1, "sum": "1250.00"}},
                "USD": {"RECEIVE": {"count": 1, "sum": "18726.95"}},
            },
            "byte_count": 1322,
            "sha256": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
            "previous": "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
        },
        "hash": "bf07a7fbb825fc0aae7bf4a1177b2b31fcf8a3feeaf7092761e18c859ee52a9c",
        "key_id": "9c1185a5c5e9fc54",
        "signature": "4vRnE1p1yVJmJrj9dF1qk2Hkq0kqyEwX3v8o7mB1nJb3w1oZl0mYH0eDq3m5nqf1oVQ4r1m2m7sTzYpQJwYyDg==",
    },
    "links": {"self": f"/api/v1/settlement-batches/{_BATCH_ID}"},
}
_CUT_OFF_EXAMPLE: dict[str, Any] = {
    "channel": "CASH",
    "market": "*",
    "currency": "USD",
    "value_date": "2026-11-25",
    "cut_off_at": "2026-11-24T18:00:00Z",
    "seconds_left": 10800,
    "open": {"captured": 0, "held": 25, "validated": 1180, "unclaimed": 0},
    "open_is_capped": False,
    "pace": {
        "checked_in_60_minutes": 412,
        "checked_in_30_minutes": 260,
        "freed_in_60_minutes": 6,
        "freed_in_30_minutes": 4,
    },
    "expected_to_miss": 7,
}
_LINE_EXAMPLE = {
    "instruction": _FIRST,
    "line": 1,
    "batch": _BATCH_ID,
    "channel": "CASH",
    "value_date": "2026-11-25",
    "counterparty": {"code": "BROKER-01", "name": "A broker", "lei": None, "bic": None},
    "entity": {"code": "OURS", "name": "Our entity", "lei": None, "bic": None},
    "asset_kind": "CASH",
    "asset": "EUR",
    "direction": "DELIVER",
    "quantity": "1250.00",
    "our_ssi": {"account": "GB33…", "agent_bic": "", "place_of_settlement": "", "delivery_address": ""},
    "their_ssi": {"account": "DE89…", "agent_bic": "", "place_of_settlement": "", "delivery_address": ""},
    "legs": 1,
    "trade": {"id": public_id(TRADE, 1001), "source": "FO-EQ", "source_ref": "E-1001"},
    "kind": "NEW",
    "cancels": None,
    "replaces": [],
    "settlement_type": "DVP",
    "linked": {
        "instruction": _SECOND,
        "common_reference": _SECOND,
        "asset": "DE0007164600",
        "quantity": "10",
    },
    "shape": None,
}
_RECORD_EXAMPLE = {
    "record": _ENTRY,
    "line": 1,
    "batch": _BATCH_ID,
    "channel": "JOURNAL",
    "value_date": "2026-11-24",
    "attempt": 1,
    "asset": "OURS USD",
    "totals": {"DEBIT": "18725", "CREDIT": "18725"},
    "content": {
        "entity": "OURS",
        "book": "EQ-1",
        "currency": "USD",
        "posting_date": "2026-11-23",
        "effective_date": "2026-11-23",
        "recorded_at": "2026-11-23T14:00:02+00:00",
        "rule": "TRADE_DATE",
        "rule_version": 1,
        "trade": public_id(TRADE, 1001),
        "corporate_action": None,
        "valuation_day": None,
        "version": 1,
        "reverses": None,
        "postings": [
            {
                "account": "INVENTORY",
                "number": "1200",
                "name": "Trading positions",
                "instrument": "US0378331005",
                "debit": "18725",
                "credit": "0",
                "price": "187.25",
                "lot_trade": None,
            },
            {
                "account": "PAYABLE",
                "number": "2100",
                "name": "Payable to brokers",
                "instrument": None,
                "debit": "0",
                "credit": "18725",
                "price": None,
                "lot_trade": None,
            },
        ],
    },
}
_STATUS_EXAMPLE = {
    "instruction": _FIRST,
    "line": 1,
    "asset": "EUR",
    "direction": "DELIVER",
    "quantity": "1250.00",
    "processing": "ACCEPTED",
    "processing_reason": "",
    "matching": "MATCHED",
    "matching_reasons": [],
    "settlement": "PARTIAL",
    "settlement_reasons": ["LACK"],
    "settled_quantity": "1000.00",
    "remaining_quantity": "250.00",
    "cancellation": None,
    "cancellation_reasons": [],
    "recalled": False,
}


def _items(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "maxItems": MAX_ITEMS, "items": item}


_REFERENCE_SCHEMA = {"type": "string", "examples": [_FIRST]}
_REASON_SCHEMA = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,35}$"}
_DECIMAL_SCHEMA = {"type": "string", "pattern": r"^[0-9]{1,28}(\.[0-9]{1,10})?$"}

read_cut_offs = extend_schema(
    operation_id="list_cut_offs",
    tags=["settlement"],
    description=(
        "The next cut-off of each channel, and of each market and currency with one of its own (`*`: all others), the "
        "earliest first. `open`: trades to check, held and ready to be sealed, and instructions sealed that nobody has "
        "claimed. `expected_to_miss`: how many trades will still be unchecked or held at the cut-off if they are "
        "worked as in the last hour, or in its second half where that was slower. Of each state, 10,000 trades are "
        "looked at."
    ),
    examples=[_example("One cut-off", {"as_of": "2026-11-24T15:00:00Z", "items": [_CUT_OFF_EXAMPLE]})],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the next cut-offs, the earliest first")},
)
list_batches = extend_schema(
    operation_id="list_settlement_batches",
    tags=["settlement"],
    parameters=[
        OpenApiParameter("channel", str, enum=channel_codes()),
        OpenApiParameter("status", str, enum=BATCH_STATUSES),
        OpenApiParameter(
            "standing",
            str,
            enum=list(BATCH_STANDINGS),
            description=(
                "`unclaimed`: nobody has claimed it and it was not recalled; `claimed`: somebody's claim holds now; "
                "`rejected`: some of its instructions are rejected"
            ),
        ),
        VIEW,
        OpenApiParameter("value_date", OpenApiTypes.DATE),
        *AXES,
        _CURSOR,
        _LIMIT,
    ],
    examples=[_example("One batch", {"items": [_BATCH_EXAMPLE], "next": None})],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "batches in the order of sealing"), 400: _PROBLEM},
)
read_batch = extend_schema(
    operation_id="read_settlement_batch",
    tags=["settlement"],
    parameters=[_REFERENCE, *AXES],
    examples=[_example("A batch", _BATCH_EXAMPLE)],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the batch"), 400: _PROBLEM, 404: _PROBLEM},
)
read_evidence = extend_schema(
    operation_id="read_settlement_batch_evidence",
    tags=["settlement"],
    description=(
        "The batch as it was sent, its claims and answers, and every version, event, finding, exception and approval "
        "of its trades with the seals of the log; verify.py inside verifies the pack offline."
    ),
    parameters=[_REFERENCE],
    responses={
        (200, "application/zip"): OpenApiTypes.BINARY,
        (403, "application/problem+json"): OpenApiTypes.OBJECT,
        (404, "application/problem+json"): OpenApiTypes.OBJECT,
        (413, "application/problem+json"): OpenApiTypes.OBJECT,
    },
)
read_instructions = extend_schema(
    operation_id="read_settlement_instructions",
    tags=["settlement"],
    description=(
        "Pages of JSON, by line. With `format=` or its media type in `Accept` the whole batch in that format, as a"
        " stream, the same bytes at each pull. Of `ndjson` their SHA-256 is the ETag, and `Range: bytes=` goes on"
        " with a pull that was cut. A format that cannot carry every line names them (422), unless `lines=carried`."
        " Of a batch of records, such as the entries of the journal, `ndjson` and `csv` carry every line."
    ),
    parameters=[
        _REFERENCE,
        OpenApiParameter("format", str, enum=(JSON, *FORMATS), description="instead of Accept"),
        OpenApiParameter(
            "lines", str, enum=LINES, description="`carried`: only those that the format can carry"
        ),
        *AXES,
        _CURSOR,
        _LIMIT,
    ],
    examples=[
        _example("One line", {"items": [_LINE_EXAMPLE], "next": None}),
        _example("One entry of the journal", {"items": [_RECORD_EXAMPLE], "next": None}),
    ],
    responses={
        (200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, "items and next"),
        **{
            (200, each.media_type): OpenApiResponse(OpenApiTypes.STR, f"{each.title}: {each.standard}")
            for each in FORMATS.values()
        },
        (206, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.STR, "a range of the bytes"),
        400: _PROBLEM,
        404: _PROBLEM,
        409: OpenApiResponse(OpenApiTypes.OBJECT, "withheld: it has trades that are stopped"),
        416: _PROBLEM,
        422: OpenApiResponse(OpenApiTypes.OBJECT, "the format cannot carry these lines"),
    },
)
read_statuses = extend_schema(
    operation_id="read_settlement_statuses",
    tags=["settlement"],
    parameters=[_REFERENCE, *AXES, _CURSOR, _LIMIT],
    examples=[_example("One accepted, settled in part", {"items": [_STATUS_EXAMPLE], "next": None})],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "what was said of each instruction, by line"),
        400: _PROBLEM,
        404: _PROBLEM,
    },
)
_ANSWERED = {"status": {"type": "string", "enum": ["ACCEPTED", "REJECTED"]}, "reason": _REASON_SCHEMA}
_ANSWER_SCHEMA = {
    "oneOf": [
        _object({"instruction": _REFERENCE_SCHEMA, **_ANSWERED}, ["instruction", "status"]),
        _object({"record": {"type": "string", "examples": [_ENTRY]}, **_ANSWERED}, ["record", "status"]),
    ]
}
_CONTROL_SCHEMA = _object(
    {
        "count": {"type": "integer", "description": "the number of items"},
        "totals": {
            "type": "object",
            "description": "asset, then direction: the sum of the quantities of what is answered",
            "additionalProperties": _object(
                dict.fromkeys((*DIRECTIONS, *_RECORD_DIRECTIONS), _DECIMAL_SCHEMA), []
            ),
        },
    },
    ["count", "totals"],
)
acknowledge = extend_schema(
    operation_id="acknowledge_settlement_instructions",
    tags=["settlement"],
    description=(
        "Needs the client's open claim. The control totals are over all items of the request, whatever their"
        " answer; when they differ from ours nothing is applied. Of a batch of records, such as the entries of the"
        " journal, items name a `record`, and what is rejected is sealed again the next day."
    ),
    parameters=[_REFERENCE, _KEY],
    request={
        "application/json": _object(
            {"items": _items(_ANSWER_SCHEMA), "control_totals": _CONTROL_SCHEMA},
            ["items", "control_totals"],
        )
    },
    examples=[
        _example(
            "One accepted, one rejected",
            {
                "items": [
                    {"instruction": _FIRST, "status": "ACCEPTED"},
                    {"instruction": _SECOND, "status": "REJECTED", "reason": "AC04"},
                ],
                "control_totals": {
                    "count": 2,
                    "totals": {"EUR": {"DELIVER": "1250.00"}, "USD": {"RECEIVE": "18726.95"}},
                },
            },
            response=False,
        ),
        _example(
            "An entry of the journal accepted",
            {
                "items": [{"record": _ENTRY, "status": "ACCEPTED"}],
                "control_totals": {
                    "count": 1,
                    "totals": {"OURS USD": {"DEBIT": "18725", "CREDIT": "18725"}},
                },
            },
            response=False,
        ),
        _example(
            "Applied",
            {
                "applied": 2,
                "refused": 0,
                "items": [
                    {"index": 0, "instruction": _FIRST, "status": 200},
                    {"index": 1, "instruction": _SECOND, "status": 200},
                ],
            },
            status="207",
        ),
    ],
    responses={
        207: OpenApiResponse(OpenApiTypes.OBJECT, "one result per item, in order"),
        400: _PROBLEM,
        404: _PROBLEM,
        409: OpenApiResponse(OpenApiTypes.OBJECT, "the client has no open claim on the batch"),
        413: _PROBLEM,
        422: OpenApiResponse(OpenApiTypes.OBJECT, "the control totals differ; nothing was applied"),
    },
)
_REPORT_SCHEMA = _object(
    {
        "instruction": _REFERENCE_SCHEMA,
        "status": {"type": "string", "enum": list(KINDS)},
        "reason": {**_REASON_SCHEMA, "description": "required when FAILED"},
        "quantity": {**_DECIMAL_SCHEMA, "description": "settled so far; required when PARTIAL"},
    },
    ["instruction", "status"],
)
report_status = extend_schema(
    operation_id="report_settlement_status",
    tags=["settlement"],
    description=(
        "In any order and as often as wanted: SETTLED goes before PARTIAL, PARTIAL before FAILED, MATCHED before"
        " UNMATCHED, and of cancellations COMPLETED before DENIED, PENDING and REQUESTED. PENDING moves nothing."
        f" As XML also {', '.join(MESSAGES)} of ISO 20022, one message or several in one element around them: each"
        " status and reason is an item of the answer."
    ),
    parameters=[_KEY],
    request={
        "application/json": _object({"items": _items(_REPORT_SCHEMA)}, ["items"]),
        "application/xml": {"type": "string", "format": "binary"},
    },
    examples=[
        _example(
            "One settled, one in part, one failed",
            {
                "items": [
                    {"instruction": _FIRST, "status": "SETTLED"},
                    {"instruction": _SECOND, "status": "PARTIAL", "quantity": "10000.00"},
                    {"instruction": public_id(INSTRUCTION, 1003), "status": "FAILED", "reason": "LACK"},
                ]
            },
            response=False,
        ),
        _example(
            "Applied",
            {
                "applied": 1,
                "refused": 0,
                "items": [{"index": 0, "instruction": _FIRST, "status": 200, "settlement": "SETTLED"}],
            },
            status="207",
        ),
    ],
    responses={
        207: OpenApiResponse(OpenApiTypes.OBJECT, "one result per item, in order"),
        400: _PROBLEM,
        413: _PROBLEM,
    },
)
