"""What counterparties say of trades that are there: as the service takes it, and as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from core import sql
from core.ids import TRADE, public_id
from core.money import format_number
from trades.services.confirmation import Said
from trades.services.confirmation_files import FIELDS

_TERMS = """
SELECT v.product, v.side, v.instrument_ref AS instrument, v.quantity, v.price, v.currency, v.net_amount,
       v.contra_currency, v.contra_amount, v.trade_date, v.settlement_date
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id = %s
"""


def said_of(ours: int, /, *, reference: str = "", **other: Any) -> Said:
    """Return what BROKER-01 says of a trade when it agrees, naming it by its id; with what it says otherwise."""
    (terms,) = sql.records(_TERMS, [ours])
    said = {
        "party": "BROKER-01", "reference": reference or f"C-{ours}", "version": 1, "action": "CONFIRM",
        "trade_id": ours, **terms,
    }  # fmt: skip
    return Said(**said | other)


def csv_of(said: Iterable[Said], *, columns: Iterable[str] = FIELDS) -> bytes:
    """Return the file in which a counterparty says these, a line each below the header."""
    text = io.StringIO()
    lines = csv.DictWriter(text, list(columns), extrasaction="ignore", lineterminator="\n")
    lines.writeheader()
    for each in said:
        values = {one.name: getattr(each, one.name) for one in fields(each)}
        trade_id = values.pop("trade_id")
        values["trade"] = None if trade_id is None else public_id(TRADE, trade_id)
        lines.writerow(
            {
                name: format_number(value) if isinstance(value, Decimal) else value
                for name, value in values.items()
            }
        )
    return text.getvalue().encode()
