"""The description of reconciliations, runs and breaks in the API, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import BREAK, PROPOSAL, RECONCILIATION_RUN, TRADE, public_id
from ledger.api.statements_schema import CURSOR, KEY, LIMIT, PROBLEM, TAGS
from ledger.kinds import KINDS
from ledger.services.definitions import CARDINALITIES, LEVELS_MAX, WINDOW_MAX

_CODE = OpenApiParameter("code", str, OpenApiParameter.PATH, description="the reconciliation, `TRADES-FO-EQ`")
_RUN = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the run, `run_…`")
_BREAK = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the break, `brk_…`")
_TRADES, _BASES = KINDS["TRADES"], sorted({basis for kind in KINDS.values() for basis in kind.bases})
TERMS_EXAMPLE: dict[str, Any] = {
    "title": "Trades of FO-EQ",
    "kind": "TRADES",
    "source": "FO-EQ",
    "levels": [dict(each) for each in _TRADES.levels],
    "window_days": 5,
    "schedule": "",
    "owner": "",
    "active": True,
    "reason": "So that both sides are known to agree each evening.",
}
_TERMS: dict[str, Any] = {
    "type": "object",
    "required": ["title", "kind", "source", "levels", "reason"],
    "properties": {
        "title": {"type": "string"},
        "kind": {"enum": list(KINDS)},
        "source": {"type": "string"},
        "levels": {
            "type": "array",
            "minItems": 1,
            "maxItems": LEVELS_MAX,
            "description": "rules of matching, tried one after the other",
            "items": {
                "type": "object",
                "required": ["keys"],
                "properties": {
                    "keys": {"type": "array", "items": {"type": "string"}},
                    "compare": {
                        "type": "object",
                        "description": "by field a `type` and, but for TEXT, a `limit`",
                    },
                    "cardinality": {"enum": list(CARDINALITIES)},
                },
            },
        },
        "window_days": {"type": "integer", "minimum": 0, "maximum": WINDOW_MAX, "default": 5},
        "basis": {
            "enum": ["", *_BASES],
            "description": "of positions: since when ours count; empty: what has settled",
        },
        "schedule": {
            "type": "string",
            "description": "HH:MM of the operator's zone; empty: with every statement",
        },
        "owner": {"type": "string", "description": "the team whose work the breaks are"},
        "active": {"type": "boolean", "default": True},
        "reason": {"type": "string", "minLength": 1, "maxLength": 1000},
    },
    "additionalProperties": False,
}
_BREAK_EXAMPLE: dict[str, Any] = {
    "id": public_id(BREAK, 5),
    "reconciliation": "TRADES-FO-EQ",
    "outcome": "DIFFERENT",
    "business_date": "2026-11-23",
    "ours": [
        {"id": public_id(TRADE, 1234), "day": "2026-11-23", "source_ref": "E-1001", "amount": "18726.95"}
    ],
    "theirs": [
        {"id": "2026-11-23|E-1001", "day": "2026-11-23", "source_ref": "E-1001", "amount": "18727.95"}
    ],
    "differences": [{"field": "amount", "ours": "18726.95", "theirs": "18727.95", "tolerance": "0"}],
    "near": [],
    "amount": "1",
    "unit": "USD",
    "base_amount": "0.92",
    "opened_at": "2026-11-23T18:05:00Z",
    "closed_at": None,
    "closing": "",
    "reopened_because": "",
}
FORCE_EXAMPLE: dict[str, Any] = {
    "breaks": [public_id(BREAK, 5)],
    "until": "2026-12-31",
    "difference_max": "5",
    "theirs_unchanged": True,
    "reason": "Their fee is booked a day late; confirmed by mail.",
}
_ITEMS = OpenApiResponse(OpenApiTypes.OBJECT, "items, the last first")

list_all = extend_schema(
    operation_id="list_reconciliations",
    tags=TAGS,
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "each as its newest version says, with its open breaks")
    },
)
read = extend_schema(
    operation_id="read_reconciliation",
    tags=TAGS,
    parameters=[_CODE],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "its versions, the newest first"), 404: PROBLEM},
)
propose = extend_schema(
    operation_id="propose_reconciliation",
    tags=TAGS,
    description="Propose a new reconciliation, or what one shall say from now on; a person approves it.",
    parameters=[_CODE, KEY],
    request={"application/json": _TERMS},
    examples=[OpenApiExample("The front office's list", value=TERMS_EXAMPLE, request_only=True)],
    responses={
        202: OpenApiResponse(OpenApiTypes.OBJECT, "the proposal, which a person must approve"),
        400: PROBLEM,
        409: PROBLEM,
        422: PROBLEM,
    },
)
list_runs = extend_schema(
    operation_id="list_reconciliation_runs",
    tags=TAGS,
    parameters=[_CODE, CURSOR, LIMIT],
    responses={200: _ITEMS, 404: PROBLEM},
)
ask = extend_schema(
    operation_id="ask_reconciliation_run",
    tags=TAGS,
    description=(
        "Ask for a run through a business date, the last of which a statement has come unless given. A run through a"
        " day before one that has been compared, or as of a moment, looks back: it leaves the breaks as they are."
    ),
    parameters=[_CODE, KEY],
    request={
        "application/json": {
            "type": "object",
            "properties": {
                "business_date": {"type": "string", "format": "date"},
                "as_at": {
                    "type": "string",
                    "format": "date-time",
                    "description": "of positions: ours as it was known at this moment",
                },
            },
            "additionalProperties": False,
        }
    },
    examples=[OpenApiExample("Through a day", value={"business_date": "2026-11-23"}, request_only=True)],
    responses={
        202: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "the run, which a worker does",
            examples=[OpenApiExample("Asked for", value={"id": public_id(RECONCILIATION_RUN, 7)})],
        ),
        400: PROBLEM,
        404: PROBLEM,
        409: PROBLEM,
    },
)
read_run = extend_schema(
    operation_id="read_reconciliation_run",
    tags=TAGS,
    parameters=[_RUN],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT, "its figures: every line of a side is in exactly one of them"
        ),
        404: PROBLEM,
    },
)
list_breaks = extend_schema(
    operation_id="list_breaks",
    tags=TAGS,
    parameters=[
        _CODE,
        OpenApiParameter("open", bool, description="false: those that are closed"),
        CURSOR,
        LIMIT,
    ],
    responses={200: _ITEMS, 404: PROBLEM},
)
read_break = extend_schema(
    operation_id="read_break",
    tags=TAGS,
    parameters=[_BREAK],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "both sides, what differs, and what comes near",
            examples=[OpenApiExample("An amount that differs", value=_BREAK_EXAMPLE)],
        ),
        404: PROBLEM,
    },
)
force = extend_schema(
    operation_id="propose_forced_match",
    tags=TAGS,
    description=(
        "Propose that what breaks are about belongs together, as long as a condition holds: until a day, while the"
        " sides lie no further apart, while they say the same. Every run tests it; where it holds no longer, the"
        " breaks are open again. A person approves it."
    ),
    parameters=[KEY],
    request={
        "application/json": {
            "type": "object",
            "required": ["breaks", "until", "reason"],
            "properties": {
                "breaks": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                "until": {"type": "string", "format": "date"},
                "difference_max": {
                    "type": "string",
                    "description": "in the unit of the breaks; left out: not asked",
                },
                "theirs_unchanged": {"type": "boolean", "default": True},
                "reason": {"type": "string", "minLength": 1, "maxLength": 1000},
                "amount": {
                    "type": "string",
                    "description": "the amount at stake, where the policy asks for it",
                },
            },
            "additionalProperties": False,
        }
    },
    examples=[OpenApiExample("A difference that is known", value=FORCE_EXAMPLE, request_only=True)],
    responses={
        202: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "the proposal, which a person must approve",
            examples=[
                OpenApiExample("Waits", value={"proposal": public_id(PROPOSAL, 9), "state": "PENDING"})
            ],
        ),
        400: PROBLEM,
        404: PROBLEM,
        409: PROBLEM,
        422: PROBLEM,
    },
)
