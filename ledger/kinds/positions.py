"""POSITIONS: what a custodian says is in our accounts against what has settled there."""

from __future__ import annotations

from core.sides import side
from ledger.kinds.base import Field, Kind

POSITIONS = Kind(
    code="POSITIONS",
    title="Positions against the custodian's statement",
    fields=(
        Field("account", "text", "our account at the custodian"),
        Field("instrument", "text", "ISIN"),
        Field("quantity", "decimal", "how much is there; below zero where it is owed"),
    ),
    ours=lambda: side("positions").query,
    identity=("account", "instrument"),
    money=("quantity", "instrument"),
    valued_by="INSTRUMENT",
    levels=(
        {
            "keys": ["account", "instrument"],
            "compare": {"quantity": {"type": "ABSOLUTE", "limit": "0"}},
        },
    ),
    example={"account": "OURS-CUSTODY", "instrument": "US0378331005", "quantity": "1200"},
    snapshot=True,
    account="account",
)
