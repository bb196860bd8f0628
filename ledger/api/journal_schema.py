"""How the API describes the journal, its accounts and its periods."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import TRADE, public_id
from ledger.accounts import Accounts
from ledger.rules import RULES

TAGS = ["journal"]
_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
_ACCOUNTS = [each.value for each in Accounts]
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_REASON: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 1000}
_OF = [
    OpenApiParameter("entity", str, description="the code of one of our entities"),
    OpenApiParameter("currency", str, description="ISO 4217"),
    OpenApiParameter("first", OpenApiTypes.DATE, description="the first day on which entries are booked"),
    OpenApiParameter("last", OpenApiTypes.DATE, description="the last one"),
]
_TRADE = public_id(TRADE, 1234)
_LINE: dict[str, Any] = {
    "account": "INVENTORY", "instrument": "US0378331005", "leg": 1, "debit": "18725.00", "credit": "0.00",
    "price": "187.25", "base_debit": None, "base_credit": None, "lot_trade": None, "lot_leg": None,
}  # fmt: skip
_ENTRY: dict[str, Any] = {
    "id": 81, "entity": "MERIDIAN-UK", "book": "EQ-US", "currency": "USD", "rule": "TRADE_DATE", "rule_version": 1,
    "trade": _TRADE, "corporate_action": None, "valuation": None, "version": 1, "effective_date": "2026-11-23",
    "posting_date": "2026-11-23", "reverses": None, "reversed_by": None, "recorded_at": "2026-11-23T09:14:09Z",
    "postings": [
        _LINE,
        {**_LINE, "account": "PAYABLE", "instrument": None, "leg": 2, "debit": "0.00", "credit": "18725.00"},
    ],
}  # fmt: skip
_BALANCE: dict[str, Any] = {
    "entity": "MERIDIAN-UK", "currency": "USD", "account": "INVENTORY", "number": "1400-10",
    "name": "Trading positions, at cost", "opening": "0.00", "debit": "18725.00", "credit": "0.00",
    "closing": "18725.00",
}  # fmt: skip
_ACCOUNT: dict[str, Any] = {
    "account": "INVENTORY", "type": "ASSET", "entity": "MERIDIAN-UK", "number": "1400-10",
    "name": "Trading positions, at cost",
}  # fmt: skip
_PERIOD: dict[str, Any] = {
    "entity": "MERIDIAN-UK", "closed_through": "2026-10-31", "closed_at": "2026-11-04T16:20:11Z", "proposed_by": "ann",
    "approved_by": "bob", "state": "OPEN", "closing_through": None, "proposal": None,
}  # fmt: skip
ACCOUNTS_EXAMPLE: dict[str, Any] = {
    "entity": "MERIDIAN-UK",
    "accounts": [
        {"account": "INVENTORY", "number": "1400-10", "name": "Trading positions, at cost"},
        {"account": "CASH", "number": "1010-00", "name": "Nostro accounts"},
    ],
    "reason": "As the general ledger has them.",
}
CLOSING_EXAMPLE: dict[str, Any] = {
    "entity": "MERIDIAN-UK",
    "closed_through": "2026-10-31",
    "reason": "October is agreed.",
}


def _read(operation: str, parameters: list[OpenApiParameter], told: str, example: Any, *codes: int) -> Any:
    return extend_schema(
        operation_id=operation,
        tags=TAGS,
        parameters=parameters,
        responses={
            200: OpenApiResponse(
                OpenApiTypes.OBJECT, told, examples=[OpenApiExample("An answer", value=example)]
            ),
            **dict.fromkeys(codes, _PROBLEM),
        },
    )


def _proposing(operation: str, properties: dict[str, Any], title: str, example: dict[str, Any]) -> Any:
    body = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return extend_schema(
        operation_id=operation,
        tags=TAGS,
        parameters=[_KEY],
        request={"application/json": body},
        examples=[OpenApiExample(title, value=example, request_only=True)],
        responses={
            202: OpenApiResponse(OpenApiTypes.OBJECT, "the proposal, which a person must approve"),
            **dict.fromkeys((400, 409, 413, 422), _PROBLEM),
        },
    )


entries = _read(
    "list_journal_entries",
    [
        *_OF,
        OpenApiParameter("book", str, description="a book's code"),
        OpenApiParameter("account", str, enum=_ACCOUNTS, description="with a line on this account"),
        OpenApiParameter("rule", str, enum=list(RULES), description="by this rule"),
        OpenApiParameter("trade", str, description="of this trade"),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    "items: entries with their postings in the order of commit; whoever keeps the cursor misses none",
    {"items": [_ENTRY], "next": None},
    400,
)
trial_balance = _read(
    "read_trial_balance",
    [
        *_OF,
        OpenApiParameter(
            "as_at",
            OpenApiTypes.DATETIME,
            description="as the journal was at this moment, which is not in the future",
        ),
    ],
    "items: every account of each entity and currency; opening and closing are debits less credits, which add up to 0",
    {"items": [_BALANCE]},
    400,
)
list_accounts = _read(
    "list_ledger_accounts",
    [OpenApiParameter("entity", str, description="as this entity's general ledger calls them")],
    "items: the accounts that rules post to, in the order of the chart",
    {"items": [_ACCOUNT]},
    404,
)
list_periods = _read(
    "list_ledger_periods",
    [],
    "items: each entity with books: how far they are closed; CLOSING: a person must approve that more is",
    {"items": [_PERIOD]},
)
propose_accounts = _proposing(
    "propose_ledger_accounts",
    {
        "entity": {"type": "string", "description": "its code"},
        "accounts": {
            "type": "array",
            "minItems": 1,
            "maxItems": len(_ACCOUNTS),
            "items": {
                "type": "object",
                "properties": {
                    "account": {"enum": _ACCOUNTS},
                    "number": {"type": "string", "maxLength": 35, "description": "in the general ledger"},
                    "name": {"type": "string", "maxLength": 100},
                },
                "required": ["account", "number", "name"],
                "additionalProperties": False,
            },
        },
        "reason": _REASON,
    },
    "Two accounts of an entity",
    ACCOUNTS_EXAMPLE,
)
propose_closing = _proposing(
    "propose_ledger_closing",
    {
        "entity": {"type": "string", "description": "its code"},
        "closed_through": {**_DAY, "description": "the last day that closes, which is over"},
        "reason": _REASON,
    },
    "The end of a month",
    CLOSING_EXAMPLE,
)
