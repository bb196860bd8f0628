"""What of a deal is in its lots otherwise than it was dealt."""

from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule

# The trade date enters what was dealt without fees; a book may count fees into its lots, or refuse a sale.
LOT_VALUE = Rule(
    code="LOT_VALUE",
    version=1,
    title="Fees that a book counts into its lots are part of what they cost; a sale it refuses is suspense.",
    lines=f"""
WITH parts AS (
    SELECT source, source_id, version, book_id, currency, effective_date, instrument_id, leg, price,
           -sign(quantity) * amount AS amount, false AS is_refused
    FROM held WHERE source = 'T' AND basis = 'TRADED' AND instrument_id <> 0
    UNION ALL
    SELECT source, source_id, version, book_id, currency, day, instrument_id, leg, price, value, kind = 'REFUSED'
    FROM moved WHERE source = 'T'
), apart AS (
    SELECT source, source_id, max(version) AS version, book_id, currency, effective_date, instrument_id, leg,
           max(price) AS price, sum(amount) AS amount, bool_or(is_refused) AS is_refused
    FROM parts GROUP BY source, source_id, book_id, currency, effective_date, instrument_id, leg
)
SELECT {COLUMNS} FROM (
    SELECT a.source, a.source_id, a.version, a.book_id, a.currency, a.effective_date, line.account, a.instrument_id,
           a.leg, line.amount, a.price, NULL::bigint AS lot_trade_id, NULL::int AS lot_leg
    FROM apart a CROSS JOIN LATERAL (VALUES
        ('{Accounts.INVENTORY}', a.amount),
        (CASE WHEN a.is_refused THEN '{Accounts.SUSPENSE}' ELSE '{Accounts.FEE_EXPENSE}' END, -a.amount)
    ) AS line(account, amount)
) v
""",
)
