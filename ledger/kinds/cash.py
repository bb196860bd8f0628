"""CASH: the entries of a bank's statement against the cash that the back office was told to move."""

from __future__ import annotations

from core.sides import side
from ledger.kinds.base import Field, Kind, instruction_reference

_AMOUNT = {"amount": {"type": "ABSOLUTE", "limit": "0"}}

CASH = Kind(
    code="CASH",
    title="Cash against the bank's statement",
    fields=(
        Field("account", "text", "our account at the bank"),
        Field("currency", "currency", "of the amount"),
        Field("amount", "decimal", "above zero what came in, below what went out"),
        Field("value_date", "date", "when it counts"),
        Field(
            "reference",
            "instruction",
            "what the payment says: our instruction's id, or any text",
            required=False,
        ),
    ),
    ours=lambda: side("cash").query,
    identity=("account", "currency", "value_date", "reference", "amount"),
    money=("amount", "currency"),
    valued_by="CURRENCY",
    levels=(
        {
            "keys": ["account", "currency", "reference"],
            "compare": {**_AMOUNT, "value_date": {"type": "DAYS", "limit": "0"}},
        },
        {"keys": ["account", "currency", "amount", "value_date"], "compare": {}},
    ),
    example={
        "account": "DE89370400440532013000",
        "currency": "EUR",
        "amount": "-1085000.00",
        "value_date": "2026-11-23",
        "reference": "ins-2DK",
    },
    reference=instruction_reference,
    account="account",
    balances=True,
)
