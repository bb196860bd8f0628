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
from ledger.models.profit import (
    FlagAcceptance,
    ProfitAdjustment,
    ProfitLine,
    ProfitPrice,
    ProfitRun,
    ProfitSignOff,
    ValuationRule,
)

__all__ = [
    "Basis",
    "FlagAcceptance",
    "Lot",
    "LotMovement",
    "LotPolicy",
    "Position",
    "PositionDue",
    "PositionEntry",
    "PositionMark",
    "ProfitAdjustment",
    "ProfitLine",
    "ProfitPrice",
    "ProfitRun",
    "ProfitSignOff",
    "ValuationRule",
]
