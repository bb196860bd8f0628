"""What does not tie out and could not be put right by itself, read: of trades, and of series of numbers.

A break is kept as it was told: one with other amounts is another. How long a trade has had any is the age of its work
item.
"""

from __future__ import annotations

from typing import Any

from core import sql
from core.as_of import KNOWN, AsOf
from core.money import format_amount
from trades.work_items import About

FEES, INVOICE = "FEES", "INVOICE"  # the kinds of work items
SERIES = "number_series"  # the subject of the numbers of an entity's invoices
FEES_DIFFER = "FEES_DIFFER"
NOT_BILLED, NOT_OWED, WRONG_LINE, WRONG_TOTAL, OVER_CREDITED, GAP = (
    "NOT_BILLED",
    "NOT_OWED",
    "WRONG_LINE",
    "WRONG_TOTAL",
    "OVER_CREDITED",
    "GAP",
)
WORDS = {
    FEES_DIFFER: "accrued otherwise than charged",
    NOT_BILLED: "owed and not billed",
    NOT_OWED: "billed and not owed",
    WRONG_LINE: "not quantity times price",
    WRONG_TOTAL: "not the sum of its lines",
    OVER_CREDITED: "credited more than billed",
    GAP: "numbers with a gap",
}
_ITEMS_MAX = 50

_BREAKS = f"""
SELECT b.code, b.about, b.currency, b.recorded, b.expected, b.opened_at FROM settlement_tie_out_break b
WHERE b.kind = %(kind)s AND b.subject = %(subject)s AND b.subject_id = %(subject_id)s
  AND core_known(b.xid, b.opened_at, {KNOWN}) AND NOT core_known(b.closed_xid, b.closed_at, {KNOWN})
ORDER BY b.about, b.code, b.id LIMIT 200
"""


def breaks_of(kind: str, about: About, *, as_of: AsOf) -> list[dict[str, Any]]:
    """Return the breaks of a trade or series that are open, or were at a moment, 200 at most.

    recorded: what is accrued or billed, expected: what should be; of numbers with a gap, how many there are.
    """
    return sql.records(
        _BREAKS,
        {"kind": kind, "subject": about.subject, "subject_id": about.subject_id, **as_of.parameters()},
    )


def format_side(amount: Any, currency: str) -> str:
    """Return one side of a break as a text: an amount, or a count where there is no currency."""
    return format_amount(amount, currency) or "" if currency else f"{int(amount)}"


_ITEMS = """
SELECT e.id, e.trade_id, e.summary, e.amount_at_risk, coalesce(e.reopened_at, e.opened_at) AS since
FROM trades_exception e WHERE e.kind = %s AND e.closed_at IS NULL ORDER BY since, e.id LIMIT %s
"""


def items_of(kind: str) -> list[dict[str, Any]]:
    """Return the open work items of a kind, the oldest first, 50 at most; `trade_id` is None where it is of numbers."""
    return sql.records(_ITEMS, [kind, _ITEMS_MAX])
