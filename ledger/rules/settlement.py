"""What is paid: what was owed becomes cash."""

from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule

SETTLEMENT = Rule(
    code="SETTLEMENT",
    version=1,
    title="What is paid or received is cash, and owed no more.",
    lines=f"""
SELECT {COLUMNS} FROM (
    SELECT h.source, h.source_id, h.version, h.book_id, h.currency, h.effective_date, line.account,
           0::bigint AS instrument_id, h.leg, line.amount, NULL::numeric AS price, NULL::bigint AS lot_trade_id,
           NULL::int AS lot_leg
    FROM held h CROSS JOIN LATERAL (VALUES
        ('{Accounts.CASH}', h.quantity),
        (CASE WHEN h.quantity > 0 THEN '{Accounts.RECEIVABLE}' ELSE '{Accounts.PAYABLE}' END, -h.quantity)
    ) AS line(account, amount)
    WHERE h.basis = 'SETTLED' AND h.instrument_id = 0
) s
""",
)
