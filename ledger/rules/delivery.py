"""What goods that are sold bring, and what they cost."""

from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule

# A lot of goods that is closed is sold, or, where more was sold than was held, bought in for what was sold.
DELIVERY = Rule(
    code="DELIVERY",
    version=1,
    title="What goods are sold for is revenue, and what they cost is the cost of sales.",
    lines=f"""
SELECT {COLUMNS} FROM (
    SELECT m.source, m.source_id, m.version, m.book_id, m.currency, m.day AS effective_date, line.account,
           m.instrument_id, m.leg, line.amount, m.price, m.lot_trade_id, m.lot_leg
    FROM moved m CROSS JOIN LATERAL (VALUES
        ('{Accounts.INVENTORY}', m.gain),
        ('{Accounts.REVENUE}', CASE WHEN m.quantity < 0 THEN m.value ELSE -m.cost END),
        ('{Accounts.COST_OF_SALES}', CASE WHEN m.quantity < 0 THEN -m.cost ELSE m.value END)
    ) AS line(account, amount)
    WHERE m.kind = 'CLOSE' AND m.product = 'GOODS'
) g
""",
)
