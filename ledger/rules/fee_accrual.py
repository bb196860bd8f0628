"""What a deal is charged beside what is paid with it, and what of an order's charges is tax."""

from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule
from trades.products import PRODUCTS

TAXES = ("VAT", "GST", "SALES_TAX")  # collected for the authorities, who give back what others have collected
_TAXES = ", ".join(f"'{each}'" for each in TAXES)
_ORDERS = ", ".join(f"'{product.code}'" for product in PRODUCTS.values() if product.fees_on_top)

# The trade date enters what is paid with an order beside its lines as a fee, whatever it is.
FEE_ACCRUAL = Rule(
    code="FEE_ACCRUAL",
    version=1,
    title="What a deal is charged is income or expense from the trade date on, and its sales tax is owed to the state.",
    lines=f"""
SELECT {COLUMNS} FROM (
    SELECT c.source, c.source_id, c.version, c.book_id, c.currency, c.effective_date, line.account,
           0::bigint AS instrument_id, 0 AS leg, line.amount, NULL::numeric AS price, NULL::bigint AS lot_trade_id,
           NULL::int AS lot_leg
    FROM charged c CROSS JOIN LATERAL (
        SELECT CASE WHEN c.amount > 0 THEN '{Accounts.FEE_INCOME}' ELSE '{Accounts.FEE_EXPENSE}' END AS fees
    ) f CROSS JOIN LATERAL (VALUES
        (CASE WHEN c.is_paid THEN f.fees ELSE '{Accounts.ACCRUED_CHARGES}' END, c.amount),
        (CASE WHEN c.type IN ({_TAXES}) THEN '{Accounts.TAX_PAYABLE}' ELSE f.fees END, -c.amount)
    ) AS line(account, amount)
    WHERE NOT c.is_paid OR c.product IN ({_ORDERS})
) f
""",
)
