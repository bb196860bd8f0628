"""What dividends, coupons and redemptions bring."""

from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule

CORPORATE_ACTION = Rule(
    code="CORPORATE_ACTION",
    version=1,
    title="What an issuer pays is owed to us from the ex-date on: for what it redeems, and as income beyond that.",
    lines=f"""
WITH parts AS (
    SELECT source, source_id, version, book_id, currency, effective_date,
           CASE WHEN quantity > 0 THEN '{Accounts.RECEIVABLE}' ELSE '{Accounts.PAYABLE}' END AS account,
           0::bigint AS instrument_id, quantity AS amount
    FROM held WHERE source = 'A' AND basis = 'TRADED' AND instrument_id = 0
    UNION ALL
    SELECT source, source_id, max(version), book_id, currency, day, '{Accounts.INVENTORY}', instrument_id, sum(value)
    FROM moved WHERE source = 'A' GROUP BY source, source_id, book_id, currency, day, instrument_id
), whole AS (
    SELECT * FROM parts
    UNION ALL
    SELECT source, source_id, max(version), book_id, currency, effective_date, '{Accounts.INVESTMENT_INCOME}', 0,
           -sum(amount)
    FROM parts GROUP BY source, source_id, book_id, currency, effective_date
)
SELECT {COLUMNS} FROM (
    SELECT *, 0 AS leg, NULL::numeric AS price, NULL::bigint AS lot_trade_id, NULL::int AS lot_leg FROM whole
) w
""",
)
