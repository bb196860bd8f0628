"""The description of the trade API: schemas come from the typed messages, examples from the products."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.http.moments import IN_QUERY as AXES
from core.http.named import IN_QUERY as VIEW
from core.ids import TRADE, public_id
from trades.api.documents import trade_links
from trades.lifecycle import State
from trades.products import PRODUCTS

_TEMPLATE = "#/components/schemas/{name}"


def message_components() -> dict[str, Any]:
    """Return the JSON schemas of every product's message, by name."""
    _, components = msgspec.json.schema_components(
        [product.message for product in PRODUCTS.values()], ref_template=_TEMPLATE
    )
    return components


def add_message_schemas(result: dict[str, Any], generator: Any, request: Any, public: Any) -> dict[str, Any]:
    """Put the messages' schemas beside drf-spectacular's own (a post-processing hook)."""
    result.setdefault("components", {}).setdefault("schemas", {}).update(message_components())
    return result


def _message() -> dict[str, Any]:
    names = [product.message.__name__ for product in PRODUCTS.values()]
    return {
        "oneOf": [{"$ref": _TEMPLATE.format(name=name)} for name in names],
        "discriminator": {
            "propertyName": "product",
            "mapping": {
                product.code: _TEMPLATE.format(name=product.message.__name__) for product in PRODUCTS.values()
            },
        },
    }


_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
_EXAMPLES = [
    OpenApiExample(product.title, value=product.example, request_only=True) for product in PRODUCTS.values()
]
_CURSOR = OpenApiParameter("cursor", str, description="`next` of the page before")
_LIMIT = OpenApiParameter("limit", int, description="1 to 1000, default 100")

capture_trade = extend_schema(
    operation_id="capture_trade",
    tags=["trades"],
    parameters=[_KEY, OpenApiParameter("dry_run", bool, description="say everything, store nothing")],
    request={"application/json": _message()},
    examples=_EXAMPLES,
    responses={
        201: OpenApiResponse(OpenApiTypes.OBJECT, "captured"),
        200: OpenApiResponse(OpenApiTypes.OBJECT, "captured before with the same terms, or a dry run"),
        400: _PROBLEM,
        403: _PROBLEM,
        409: _PROBLEM,
        422: _PROBLEM,
    },
)
capture_batch = extend_schema(
    operation_id="capture_trades",
    tags=["trades"],
    parameters=[_KEY, OpenApiParameter("mode", str, enum=["partial", "atomic"])],
    request={
        "application/json": {
            "type": "object",
            "required": ["items"],
            "properties": {"items": {"type": "array", "maxItems": 10_000, "items": _message()}},
        },
        "application/x-ndjson": {"type": "string"},
    },
    examples=[
        OpenApiExample(
            "Two products",
            value={"items": [PRODUCTS["EQUITY"].example, PRODUCTS["FX_SPOT"].example]},
            request_only=True,
            media_type="application/json",
        )
    ],
    responses={207: OpenApiResponse(OpenApiTypes.OBJECT, "one result per item, in order"), 400: _PROBLEM},
)
list_trades = extend_schema(
    operation_id="list_trades",
    tags=["trades"],
    parameters=[
        OpenApiParameter("source", str),
        OpenApiParameter("source_ref", str),
        OpenApiParameter("status", str, enum=State.names),
        OpenApiParameter("trade_date", OpenApiTypes.DATE),
        OpenApiParameter("counterparty", str, description="a code, an LEI or part of a name"),
        OpenApiParameter("book", str),
        OpenApiParameter("product", str),
        OpenApiParameter("from", OpenApiTypes.DATE, description="trade dates from this day on"),
        OpenApiParameter("to", OpenApiTypes.DATE, description="trade dates up to this day"),
        OpenApiParameter(
            "q", str, description="a reference, ours or the front office’s; above the other filters"
        ),
        VIEW,
        OpenApiParameter("updated_since", OpenApiTypes.DATETIME),
        *AXES,
        _CURSOR,
        _LIMIT,
    ],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items and next"), 400: _PROBLEM},
)
read_trade = extend_schema(
    operation_id="read_trade",
    tags=["trades"],
    parameters=AXES,
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "terms, status, findings, links"),
        400: _PROBLEM,
        404: _PROBLEM,
    },
)
read_evidence = extend_schema(
    operation_id="read_trade_evidence",
    tags=["trades"],
    description=(
        "Every version, event, finding, exception, approval, obligation and message of the trade with the seals of the "
        "log: HTML for people, lines of JSON for machines, and verify.py, which verifies the pack offline."
    ),
    responses={
        (200, "application/zip"): OpenApiTypes.BINARY,
        (403, "application/problem+json"): OpenApiTypes.OBJECT,
        (404, "application/problem+json"): OpenApiTypes.OBJECT,
    },
)
read_events = extend_schema(
    operation_id="read_trade_events",
    tags=["trades"],
    parameters=[*AXES, _CURSOR, _LIMIT],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "the timeline, oldest first"),
        400: _PROBLEM,
        404: _PROBLEM,
    },
)

_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="the ETag of the trade as you have seen it",
)
_DRY_RUN = OpenApiParameter("dry_run", bool, description="say all that would follow, store nothing")
_CHANGE: dict[str, Any] = {
    "reason": {"type": "string", "minLength": 1, "maxLength": 1000},
    "source_version": {
        "type": "integer",
        "minimum": 1,
        "description": "your own count of the deal's versions",
    },
    "effective_at": {"type": "string", "format": "date-time", "description": "since when it holds"},
}
_AMOUNT: dict[str, Any] = {
    "type": "string",
    "description": "what is at stake in base currency, where asking takes it (see `approval` of a dry run)",
}
_CHANGES = {"type": "object", "description": "a JSON merge patch (RFC 7396) of the trade's message"}
_USD, _EUR = ({"before_currency": each, "after_currency": each} for each in ("USD", "EUR"))
_COMES_TO: dict[str, Any] = {
    "trade": public_id(TRADE, 1041),
    "dry_run": True,
    "outcome": "CHANGED",
    "needs_approval": False,
    "version": 2,
    "status": "VALIDATED",
    "changes": [
        {"pointer": "/quantity", "before": "100", "after": "1000"},
        {"pointer": "/gross_amount", "before": "18725.00", "after": "187250.00", **_USD},
        {"pointer": "/base_amount", "before": "17227.00", "after": "172270.00", **_EUR},
    ],
    "effects": {
        "limits": [
            {
                "key": "CPTY-EXPOSURE BROKER-01",
                "before": {"used": "17227.00", "currency": "EUR"},
                "after": {"used": "172270.00", "currency": "EUR"},
            }
        ],
        "findings": [],
        "exceptions": [],
        "proposals": [],
        "legs": [],
        "recalled_instructions": [],
    },
    "links": trade_links(public_id(TRADE, 1041)),
}
_AMENDMENT = {"reason": "booked one nought short", "changes": {"quantity": "1000"}}
_CANCELLATION = {"reason": "booked twice"}


def _change(summary: str, properties: dict[str, Any], required: list[str], example: dict[str, Any]) -> Any:
    return {
        "tags": ["trades"],
        "parameters": [_KEY, _IF_MATCH, _DRY_RUN],
        "request": {
            "application/json": {
                "type": "object",
                "required": required,
                "additionalProperties": False,
                "properties": properties,
            }
        },
        "examples": [
            OpenApiExample(summary, value=example, request_only=True),
            OpenApiExample("What it comes to", value=_COMES_TO, response_only=True, status_codes=["200"]),
        ],
        "responses": {
            200: OpenApiResponse(OpenApiTypes.OBJECT, "what it came to, or what it would come to"),
            202: OpenApiResponse(OpenApiTypes.OBJECT, "it waits for a second person"),
            **dict.fromkeys((400, 404, 409, 412, 413, 422, 428), _PROBLEM),
        },
    }


def _bulk(properties: dict[str, Any], example: dict[str, Any]) -> Any:
    named: dict[str, Any] = {
        "id": {"type": "string", "description": "the trade, or else its source and source_ref"},
        "source": {"type": "string"},
        "source_ref": {"type": "string"},
        **{name: each for name, each in _CHANGE.items() if name != "reason"},
        **properties,
    }
    items = {
        "type": "array",
        "maxItems": 10_000,
        "items": {"type": "object", "additionalProperties": False, "properties": named},
    }
    return {
        "tags": ["trades"],
        "parameters": [_KEY, OpenApiParameter("mode", str, enum=["partial", "atomic"])],
        "request": {
            "application/json": {
                "type": "object",
                "required": ["reason", "items"],
                "additionalProperties": False,
                "properties": {"reason": _CHANGE["reason"], "items": items},
            }
        },
        "examples": [OpenApiExample("By reference", value=example, request_only=True)],
        "responses": {
            207: OpenApiResponse(OpenApiTypes.OBJECT, "one result per item, in order"),
            **dict.fromkeys((400, 413, 422), _PROBLEM),
        },
    }


_DEAL = {"source": "FO-EQ", "source_ref": "E-1001", "source_version": 2}
amend_trades = extend_schema(
    operation_id="amend_trades",
    **_bulk(
        {"changes": _CHANGES},
        {"reason": "wrong book", "items": [{**_DEAL, "changes": {"book": "EQ-EU"}}]},
    ),
)
cancel_trades = extend_schema(
    operation_id="cancel_trades", **_bulk({}, {"reason": "booked twice", "items": [_DEAL]})
)
amend_trade = extend_schema(
    operation_id="amend_trade",
    **_change(
        "A quantity", {**_CHANGE, "amount": _AMOUNT, "changes": _CHANGES}, ["reason", "changes"], _AMENDMENT
    ),
)
cancel_trade = extend_schema(
    operation_id="cancel_trade",
    **_change("A deal booked twice", {**_CHANGE, "amount": _AMOUNT}, ["reason"], _CANCELLATION),
)

_PART = {
    "type": "object",
    "required": ["quantity"],
    "additionalProperties": False,
    "properties": {
        "quantity": {"type": "string", "description": "a decimal; all together make the block's"},
        "book": {"type": "string", "minLength": 1, "maxLength": 64, "description": "else the block's"},
        "counterparty": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "description": "else the block's",
        },
        "source_ref": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "your own id of the part; else the block's with a number",
        },
    },
}
_ALLOCATION = {
    "reason": "as the client asks",
    "items": [
        {"counterparty": "HUDSONPI", "book": "EQ-US", "quantity": "60"},
        {"counterparty": "HUDSONPI", "book": "EQ-EU", "quantity": "40"},
    ],
}
allocate_trade = extend_schema(
    operation_id="allocate_trade",
    description=(
        "Divide a trade into parts, trades of their own that are checked, count for limits and settle instead of it; "
        "or, of one that is allocated, into others: its parts are cancelled, and what was sealed of them is recalled. "
        "The quantities make the block's; amounts are divided in proportion, so that they add up to the block's. "
        "`changes` amends the block with it, which an allocated trade is not by itself."
    ),
    **_change(
        "Two books",
        {
            "reason": _CHANGE["reason"],
            "items": {"type": "array", "minItems": 1, "maxItems": 1_000, "items": _PART},
            "changes": _CHANGES,
        },
        ["reason", "items"],
        _ALLOCATION,
    ),
)
list_allocations = extend_schema(
    operation_id="list_allocations",
    tags=["trades"],
    description="The parts of an allocated trade that are not cancelled, all on one page.",
    parameters=AXES,
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items"), 400: _PROBLEM, 404: _PROBLEM},
)
