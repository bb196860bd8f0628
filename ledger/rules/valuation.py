"""What open positions are worth at the close beyond what they cost."""

from core.money import round_money_sql
from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule

# Each day stands on its own: it is taken back, whole, on the next day that is told, which has its own.
VALUATION = Rule(
    code="VALUATION",
    version=1,
    title="What is open is carried at its price: what it is worth beyond its cost is unrealised, until the next close.",
    lines=f"""
WITH summed AS (
    SELECT source, source_id, version, book_id, currency, effective_date, instrument_id, price,
           {round_money_sql("sum(amount)", "currency")} AS amount
    FROM valued GROUP BY source, source_id, version, book_id, currency, effective_date, instrument_id, price
)
SELECT {COLUMNS} FROM (
    SELECT s.source, s.source_id, s.version, s.book_id, s.currency, s.effective_date, line.account, s.instrument_id,
           0 AS leg, line.amount, s.price, NULL::bigint AS lot_trade_id, NULL::int AS lot_leg
    FROM summed s CROSS JOIN LATERAL (VALUES
        ('{Accounts.VALUATION}', s.amount), ('{Accounts.UNREALISED_GAIN}', -s.amount)
    ) AS line(account, amount)
) v
""",
)
