"""sese.025: a securities instruction has settled, whole or in part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from core.xml import Element, child
from settlement.api.messages.base import Reading, StatusMessage
from settlement.services.standing import Report

_QUANTITY = re.compile(r"[0-9]{1,18}(\.[0-9]{0,10})?|\.[0-9]{1,10}")


def _read(message: Element, reading: Reading) -> Iterator[Report]:
    instruction_id = reading.instruction(message, "TxIdDtls/AcctOwnrTxId")
    settled = _quantity(message, "QtyAndAcctDtls/SttldQty", reading, required=True)
    before = _quantity(message, "QtyAndAcctDtls/PrevslySttldQty", reading, required=False)
    yield Report(instruction_id, "CONFIRMED", "", settled + before)


def _quantity(message: Element, path: str, reading: Reading, *, required: bool) -> Decimal:
    """Return the quantity at a path: units, a face amount or an amortised value, whichever is given first."""
    parent = child(message, path)
    if parent is None:
        if required:
            reading.fault(message, f"{path} is required.", "missing")
        return Decimal(0)
    found = next(
        (each for each in parent.iter("{*}Unit", "{*}FaceAmt", "{*}AmtsdVal", "{*}DgtlTknUnit")), None
    )
    text = "" if found is None else (found.text or "").strip()
    if not _QUANTITY.fullmatch(text):
        reading.fault(
            parent if found is None else found, "A decimal with at most 10 decimal places.", "format"
        )
        return Decimal(0)
    return Decimal(text)


SESE_025 = StatusMessage(
    code="sese.025",
    title="Securities settlement transaction confirmation",
    statuses=(
        (
            "`QtyAndAcctDtls/SttldQty` with `PrevslySttldQty`",
            "SETTLED when they make the whole quantity, else PARTIAL",
        ),
    ),
    read=_read,
)
