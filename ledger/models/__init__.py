"""What the ledger keeps, one file a part of it."""

from ledger.models.accounts import AccountName
from ledger.models.actions import CorporateAction, CorporateActionVersion
from ledger.models.journal import (
    JournalDue,
    JournalEntry,
    JournalMark,
    PeriodClosing,
    Posting,
    Source,
)
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
    "AccountName",
    "Basis",
    "Break",
    "BreakStep",
    "CorporateAction",
    "CorporateActionVersion",
    "FlagAcceptance",
    "ForcedMatch",
    "JournalDue",
    "JournalEntry",
    "JournalMark",
    "Lot",
    "LotMovement",
    "LotPolicy",
    "PeriodClosing",
    "Position",
    "PositionDue",
    "PositionEntry",
    "PositionMark",
    "Posting",
    "ProfitAdjustment",
    "ProfitLine",
    "ProfitPrice",
    "ProfitRun",
    "ProfitSignOff",
    "Reconciliation",
    "ReconciliationRun",
    "ReconciliationVersion",
    "RunResult",
    "Source",
    "Statement",
    "StatementLine",
    "ValuationRule",
]
