"""HANDOFFS: the back office's log of what it took over against the instructions of the batches it claimed."""

from __future__ import annotations

from core.sides import side
from ledger.kinds.base import Field, Kind, instruction_reference

HANDOFFS = Kind(
    code="HANDOFFS",
    title="Hand-offs against the back office's log",
    fields=(
        Field("instruction", "instruction", "the id of the instruction, ins_…"),
        Field("asset", "text", "currency, ISIN or SKU"),
        Field("direction", "text", "DELIVER, RECEIVE or NIL, seen from us"),
        Field("quantity", "decimal", "how much"),
        Field("value_date", "date", "when it is due", required=False),
    ),
    ours=lambda: side("handoffs").query,
    identity=("instruction",),
    money=("quantity", "asset"),
    valued_by="INSTRUMENT",
    levels=(
        {
            "keys": ["instruction"],
            "compare": {
                "asset": {"type": "TEXT"},
                "direction": {"type": "TEXT"},
                "quantity": {"type": "ABSOLUTE", "limit": "0"},
                "value_date": {"type": "DAYS", "limit": "0"},
            },
        },
    ),
    example={
        "instruction": "ins_2DK",
        "asset": "EUR",
        "direction": "DELIVER",
        "quantity": "1085000.00",
        "value_date": "2026-11-25",
    },
    near=("instruction", "asset", "direction"),
    reference=instruction_reference,
)
