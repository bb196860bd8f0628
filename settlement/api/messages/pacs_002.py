"""pacs.002: how payments stand."""

from __future__ import annotations

from collections.abc import Iterator

from core.xml import Element, child
from settlement.api.messages.base import NO_REASON, Reading, StatusMessage
from settlement.services.standing import Kind, Report

# ISO 20022's external codes of payment transaction statuses.
_STATUSES: dict[str, Kind] = {
    "RCVD": "PENDING",
    "PDNG": "PENDING",
    "ACTC": "PENDING",
    "ACCP": "PENDING",
    "ACFC": "PENDING",
    "ACWC": "PENDING",
    "ACWP": "PENDING",
    "ACSP": "PENDING",
    "ACSC": "SETTLED",
    "ACCC": "SETTLED",
    "RJCT": "FAILED",
    "BLCK": "FAILED",
    "CANC": "CANCELLATION_COMPLETED",
}


def _read(message: Element, reading: Reading) -> Iterator[Report]:
    transactions = message.findall("{*}TxInfAndSts")
    if not transactions:
        reading.fault(message, "At least one TxInfAndSts: a status of a whole group is not taken.", "missing")
    for each in transactions:
        instruction_id = reading.instruction(each, "OrgnlTxId", "OrgnlInstrId", "OrgnlEndToEndId")
        status = child(each, "TxSts")
        kind = None if status is None else _STATUSES.get((status.text or "").strip())
        if kind is None:
            reading.fault(each if status is None else status, f"One of {', '.join(_STATUSES)}.", "unknown")
            continue
        if kind == "SETTLED":
            yield Report(instruction_id, kind)
        else:
            yield from _with_reasons(instruction_id, kind, each, reading)


def _with_reasons(instruction_id: int, kind: Kind, each: Element, reading: Reading) -> Iterator[Report]:
    reasons = each.findall("{*}StsRsnInf/{*}Rsn")
    if not reasons:
        yield Report(instruction_id, kind, NO_REASON if kind == "FAILED" else "")
    for reason in reasons:
        yield from reading.reports(instruction_id, kind, reason)


PACS_002 = StatusMessage(
    code="pacs.002",
    title="Payment status report",
    statuses=tuple((f"`TxSts` {status}", kind) for status, kind in _STATUSES.items()),
    read=_read,
)
