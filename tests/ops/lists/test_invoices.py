"""The columns of invoices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ops.lists.invoices import INVOICES


def test_a_credit_note_is_for_its_invoice_and_never_due() -> None:
    row = {
        "credits": 7,
        "credits_reference": "I-7",
        "trade_id": None,
        "due_date": date(2026, 11, 23),
        "credited": Decimal(0),
        "net": Decimal("-10.5000"),
        "currency": "EUR",
    }
    told = {code: INVOICES.by_code[code].cell.value(row) for code in ("for", "due", "credited", "net")}
    assert told == {"for": "I-7", "due": None, "credited": None, "net": Decimal("-10.50")}
