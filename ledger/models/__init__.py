"""What the ledger keeps, one file a part of it."""

from ledger.models.positions import (
    Basis,
    Lot,
    LotMovement,
    LotPolicy,
    Position,
    PositionDue,
    PositionEntry,
    PositionMark,
)

__all__ = [
    "Basis",
    "Lot",
    "LotMovement",
    "LotPolicy",
    "Position",
    "PositionDue",
    "PositionEntry",
    "PositionMark",
]
