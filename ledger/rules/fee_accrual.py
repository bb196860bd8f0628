"""What a deal is charged beside what is paid with it."""

from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule

TAXES = ("VAT", "GST", "SALES_TAX")  # collected for the authorities, who give back what others have collected
_TAXES = ", ".join(f"'{each}'" for each in TAXES)

FEE_ACCRUAL = Rule(
    code="FEE_ACCRUAL",
    version=1,
    title="What a deal is charged is income or expense from the trade date on, and its sales tax is owed to the state.",
    lines=f"""
SELECT {COLUMNS} FROM (
    SELECT c.source, c.source_id, c.version, c.book_id, c.currency, c.effective_date, line.account,
           0::bigint AS instrument_id, 0 AS leg, line.amount, NULL::numeric AS price, NULL::bigint AS lot_trade_id,
           NULL::int AS lot_leg
    FROM charged c CROSS JOIN LATERAL (VALUES
        ('{Accounts.ACCRUED_CHARGES}', c.amount),
        (CASE WHEN c.type IN ({_TAXES}) THEN '{Accounts.TAX_PAYABLE}'
              WHEN c.amount > 0 THEN '{Accounts.FEE_INCOME}' ELSE '{Accounts.FEE_EXPENSE}' END, -c.amount)
    ) AS line(account, amount)
) f
""",
)
