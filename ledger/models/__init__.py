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
from ledger.models.profit import (
    FlagAcceptance,
    ProfitAdjustment,
    ProfitLine,
    ProfitPrice,
    ProfitRun,
    ProfitSignOff,
    ValuationRule,
)
from ledger.models.reconciliation import (
    Break,
    BreakStep,
    ForcedMatch,
    Reconciliation,
    ReconciliationRun,
    ReconciliationVersion,
    RunResult,
    Statement,
    StatementLine,
)

__all__ = [
    "Basis",
    "Break",
    "BreakStep",
    "CorporateAction",
    "CorporateActionVersion",
    "FlagAcceptance",
    "ForcedMatch",
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
    "Reconciliation",
    "ReconciliationRun",
    "ReconciliationVersion",
    "RunResult",
    "Statement",
    "StatementLine",
    "ValuationRule",
]
