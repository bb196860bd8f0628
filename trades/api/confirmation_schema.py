"""The description of confirmations in the trade API, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from trades.models import Confirmation, ConfirmationVersion
from trades.services.confirmation_files import REQUIRED
from trades.services.confirmation_policy import HOURS_MAX

_TEXT: dict[str, Any] = {"type": "string"}
_DECIMAL: dict[str, Any] = {"type": "string", "description": "a decimal"}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
FIELDS: dict[str, dict[str, Any]] = {
    "party": {**_TEXT, "description": "the counterparty's code or LEI"},
    "reference": {**_TEXT, "maxLength": 128, "description": "its own reference of the confirmation"},
    "version": {"type": "integer", "minimum": 1, "description": "its own count under that reference"},
    "action": {**_TEXT, "enum": ConfirmationVersion.Action.values, "default": "CONFIRM"},
    "trade": {**_TEXT, "description": "our trade's id, where it names one"},
    "source": {**_TEXT, "maxLength": 64},
    "source_ref": {
        **_TEXT,
        "maxLength": 128,
        "description": "with source: our trade by the front office's own id",
    },
    "product": _TEXT,
    "side": {**_TEXT, "enum": ["BUY", "SELL"], "description": "the firm's side, as in a trade"},
    "instrument": _TEXT,
    "quantity": _DECIMAL,
    "price": _DECIMAL,
    "currency": _TEXT,
    "net_amount": _DECIMAL,
    "contra_currency": _TEXT,
    "contra_amount": _DECIMAL,
    "trade_date": _DAY,
    "settlement_date": _DAY,
}
_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_EXAMPLE = {
    "party": "HUDSONPI",
    "reference": "HPI-77120",
    "version": 1,
    "source": "FO-EQ",
    "source_ref": "E-1001",
    "product": "EQUITY",
    "side": "BUY",
    "instrument": "US0378331005",
    "quantity": "100",
    "price": "187.25",
    "currency": "USD",
    "net_amount": "18726.95",
    "trade_date": "2026-11-23",
    "settlement_date": "2026-11-24",
}

confirm_trades = extend_schema(
    operation_id="confirm_trades",
    tags=["confirmations"],
    description=(
        "What counterparties say of deals, told from the firm's side, up to 5,000 at once with a result for each. What"
        " names no trade of ours finds one by its terms. A later version replaces an earlier one, whichever comes"
        " first; saying the same again changes nothing. Each result says where the confirmation stands,"
        " and what differs."
    ),
    parameters=[
        OpenApiParameter(
            "Idempotency-Key",
            str,
            OpenApiParameter.HEADER,
            required=True,
            description="unique per intended change",
        )
    ],
    request={
        "application/json": {
            "type": "object",
            "required": ["items"],
            "additionalProperties": False,
            "properties": {
                "items": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 5_000,
                    "items": {
                        "type": "object",
                        "required": list(REQUIRED),
                        "additionalProperties": False,
                        "properties": FIELDS,
                    },
                }
            },
        }
    },
    examples=[OpenApiExample("One share deal", value={"items": [_EXAMPLE]}, request_only=True)],
    responses={
        207: OpenApiResponse(OpenApiTypes.OBJECT, "one result per item, in order"),
        400: _PROBLEM,
        403: _PROBLEM,
        413: _PROBLEM,
        422: _PROBLEM,
    },
)
list_confirmations = extend_schema(
    operation_id="list_confirmations",
    tags=["confirmations"],
    parameters=[
        OpenApiParameter("status", str, enum=Confirmation.Status.values),
        OpenApiParameter("trade", str, description="those of one trade, by its id"),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items and next"), 400: _PROBLEM, 403: _PROBLEM},
)
list_policies = extend_schema(
    operation_id="list_confirmation_policies",
    tags=["confirmations"],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "items: product and party, empty for any, and whether")
    },
)
_POLICY: dict[str, dict[str, Any]] = {
    "product": _TEXT,
    "party": {**_TEXT, "description": "the party's code"},
    "demanded": {"type": "boolean", "nullable": True},
    "overdue_after_hours": {
        "type": "integer",
        "nullable": True,
        "minimum": 1,
        "maximum": HOURS_MAX,
        "description": "hours after which a trade without a confirmation is overdue",
    },
    "remind_every_hours": {
        "type": "integer",
        "nullable": True,
        "minimum": 1,
        "maximum": HOURS_MAX,
        "description": "hours from one reminder to the next; null: one",
    },
    "mail_to": {
        "type": "string",
        "format": "email",
        "description": "where reminders are mailed beside the feed; left out: as what is less specific says",
    },
    "reason": _TEXT,
}
POLICY_FIELDS = tuple(_POLICY)
propose_policy = extend_schema(
    operation_id="propose_confirmation_policy",
    tags=["confirmations"],
    description=(
        "Whether deals of a product with a party must be confirmed before they are sealed; left out: any. The most"
        " specific policy holds, the party's before the product's; what is null is left to what is less"
        " specific. A"
        " second person approves it in the console."
    ),
    parameters=[
        OpenApiParameter(
            "Idempotency-Key",
            str,
            OpenApiParameter.HEADER,
            required=True,
            description="unique per intended change",
        )
    ],
    request={
        "application/json": {
            "type": "object",
            "required": ["reason"],
            "additionalProperties": False,
            "properties": _POLICY,
        }
    },
    examples=[
        OpenApiExample(
            "Forwards",
            value={
                "product": "FX_FORWARD",
                "demanded": True,
                "overdue_after_hours": 24,
                "remind_every_hours": 24,
                "reason": "confirmed before they are instructed",
            },
            request_only=True,
        )
    ],
    responses={
        202: OpenApiResponse(OpenApiTypes.OBJECT, "the proposal waits for a second person"),
        400: _PROBLEM,
        403: _PROBLEM,
        409: _PROBLEM,
        422: _PROBLEM,
    },
)
