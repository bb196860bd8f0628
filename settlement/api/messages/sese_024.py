"""sese.024: how a securities instruction is processed, matched and settled."""

from __future__ import annotations

from collections.abc import Iterator

from core.xml import Element, child, name_of
from settlement.api.messages.base import Reading, StatusMessage
from settlement.services.standing import Kind, Report

_PROCESSING: dict[str, Kind] = {
    "AckdAccptd": "PENDING",
    "PdgPrcg": "PENDING",
    "Rpr": "PENDING",
    "ModReqd": "PENDING",
    "Prtry": "PENDING",
    "Rjctd": "FAILED",
    "CxlReqd": "CANCELLATION_REQUESTED",
    "PdgCxl": "CANCELLATION_PENDING",
    "Canc": "CANCELLATION_COMPLETED",
}
_MATCHING: dict[str, Kind] = {"Mtchd": "MATCHED", "Umtchd": "UNMATCHED", "Prtry": "PENDING"}
_SETTLEMENT: dict[str, Kind] = {"Pdg": "PENDING", "Flng": "FAILED", "Prtry": "PENDING"}
_AXES = (
    ("PrcgSts", _PROCESSING),
    ("IfrrdMtchgSts", _MATCHING),
    ("MtchgSts", _MATCHING),
    ("SttlmSts", _SETTLEMENT),
)


def _read(message: Element, reading: Reading) -> Iterator[Report]:
    instruction_id = reading.instruction(message, "TxId/AcctOwnrTxId")
    said = 0
    for name, kinds in _AXES:
        axis = child(message, name)
        if axis is None or not len(axis):
            continue
        status = axis[0]
        kind = kinds.get(name_of(status))
        if kind is None:
            reading.fault(status, f"One of {', '.join(kinds)}.", "unknown")
            continue
        said += 1
        yield from reading.reports(instruction_id, kind, status)
    if not said and not reading.faults:
        reading.fault(message, f"At least one of {', '.join(name for name, _ in _AXES)}.", "missing")


SESE_024 = StatusMessage(
    code="sese.024",
    title="Securities settlement transaction status advice",
    statuses=tuple((f"`{name}/{status}`", kind) for name, kinds in _AXES for status, kind in kinds.items()),
    read=_read,
)
