"""What the ledger keeps, one file a part of it."""

from ledger.models.actions import CorporateAction, CorporateActionVersion
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
    "CorporateAction",
    "CorporateActionVersion",
    "Lot",
    "LotMovement",
    "LotPolicy",
    "Position",
    "PositionDue",
    "PositionEntry",
    "PositionMark",
]
