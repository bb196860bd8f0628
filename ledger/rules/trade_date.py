"""What a deal makes us own and owe, from its trade date on."""

from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule
from trades.products._legs import LINE_LEGS_FROM

# What is bought or sold is worth its lines; what is paid beyond is fees, interest or the other side of a position.
TRADE_DATE = Rule(
    code="TRADE_DATE",
    version=1,
    title="What is bought is an asset and what is to be paid for it is owed, from the trade date on.",
    lines=f"""
WITH dealt AS (
    SELECT h.* FROM held h WHERE h.source = 'T' AND h.basis = 'TRADED'
), lines AS (
    SELECT source, source_id, version, book_id, currency, effective_date,
           CASE WHEN instrument_id <> 0 THEN '{Accounts.INVENTORY}'
                WHEN quantity > 0 THEN '{Accounts.RECEIVABLE}' ELSE '{Accounts.PAYABLE}' END AS account,
           instrument_id, leg, CASE WHEN instrument_id = 0 THEN quantity ELSE sign(quantity) * amount END AS amount,
           price, product, side,
           product = 'SERVICE' AND leg < {LINE_LEGS_FROM} AS is_charge
    FROM dealt
    UNION ALL
    SELECT source, source_id, version, book_id, currency, effective_date, '{Accounts.FEE_EXPENSE}', 0, leg, fees,
           NULL, product, side, false
    FROM dealt WHERE instrument_id <> 0
), whole AS (
    SELECT source, source_id, version, book_id, currency, effective_date, account, instrument_id, leg, amount, price
    FROM lines
    UNION ALL
    SELECT source, source_id, max(version), book_id, currency, effective_date,
           CASE WHEN product LIKE 'FX%%' OR product = 'LISTED_DERIVATIVE' THEN '{Accounts.POSITION}'
                WHEN product = 'BOND' THEN '{Accounts.ACCRUED_INTEREST}'
                WHEN is_charge AND side = 'SELL' THEN '{Accounts.FEE_INCOME}'
                WHEN is_charge THEN '{Accounts.FEE_EXPENSE}'
                WHEN product = 'SERVICE' AND side = 'SELL' THEN '{Accounts.REVENUE}'
                WHEN product = 'SERVICE' THEN '{Accounts.COST_OF_SALES}'
                WHEN product = 'GOODS' AND side = 'SELL' THEN '{Accounts.FEE_INCOME}'
                WHEN product = 'GOODS' THEN '{Accounts.FEE_EXPENSE}'
                ELSE '{Accounts.SUSPENSE}' END, 0, 0, -sum(amount), NULL
    FROM lines GROUP BY source, source_id, book_id, currency, effective_date, product, side, is_charge
)
SELECT {COLUMNS} FROM (SELECT *, NULL::bigint AS lot_trade_id, NULL::int AS lot_leg FROM whole) w
""",
)
