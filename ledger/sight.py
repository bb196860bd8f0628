"""What of the ledger somebody sees who sees some books only: what lies in these books.

Reconciliations compare the whole firm with others, so that their statements, runs and breaks are nobody's but hers.
"""

from __future__ import annotations

from core.sight import ALL, declare
from trades.sight import in_own_book

_BY_BOOK = (
    "ledger_journal",
    "ledger_lot",
    "ledger_lot_movement",
    "ledger_lot_policy",
    "ledger_lots_told",
    "ledger_position",
    "ledger_position_due",
    "ledger_position_entry",
    "ledger_profit_adjustment",
    "ledger_profit_gain",
    "ledger_profit_line",
    "ledger_profit_sign_off",
)
_OF_EVERYBODY = (
    "ledger_account_name",
    "ledger_corporate_action",
    "ledger_corporate_action_version",
    "ledger_journal_mark",
    "ledger_period_closing",
    "ledger_position_mark",
    "ledger_profit_flag_acceptance",
    "ledger_profit_price",
    "ledger_profit_run",
    "ledger_valuation_rule",
)
_OF_OWN_ENTRY = (
    f"EXISTS (SELECT FROM ledger_journal j WHERE j.id = t.entry_id AND {in_own_book('j.book_id')})"
)


def declare_all() -> None:
    """Declare it."""
    declare(
        {
            **dict.fromkeys(_BY_BOOK, in_own_book("t.book_id")),
            **dict.fromkeys(_OF_EVERYBODY, ALL),
            "ledger_posting": _OF_OWN_ENTRY,
        }
    )
