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
    before = _quantity(message, "QtyAndAcctDtls/PrevslySttldQty", reading)
    remaining = _quantity(message, "QtyAndAcctDtls/RmngToBeSttldQty", reading)
    # Who leaves out what had settled before says by what remains how much has settled so far.
    of_now = before is None and remaining is not None
    so_far = (settled or Decimal(0)) + (before or Decimal(0))
    yield Report(instruction_id, "CONFIRMED", "", so_far, remaining, of_now)


def _quantity(message: Element, path: str, reading: Reading, *, required: bool = False) -> Decimal | None:
    """Return the quantity at a path: units, a face amount or an amortised value, whichever is given first; None where
    there is none."""
    parent = child(message, path)
    if parent is None:
        if required:
            reading.fault(message, f"{path} is required.", "missing")
        return None
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
        (
            "`QtyAndAcctDtls/RmngToBeSttldQty`",
            "must agree; without `PrevslySttldQty` it tells how much has settled so far",
        ),
    ),
    read=_read,
)
