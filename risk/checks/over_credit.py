"""OVER_CREDIT: with this order the customer has ordered more than the firm gives credit for."""

from risk.checks.base import Check
from trades.lifecycle import State

_ENDED = f"{State.SETTLED.value}, {State.CANCELLED.value}"

OVER_CREDIT = Check(
    code="OVER_CREDIT",
    title="Over the customer's credit",
    severity="BLOCK",
    precedence=74,
    rows=f"""
        SELECT b.trade_id, 'counterparty' AS subject, trim_scale(b.credit_limit) AS expected,
               round(owed.used, 2) AS actual
        FROM (
            SELECT o.trade_id, sum(o.base_amount) OVER (PARTITION BY o.counterparty_id ORDER BY o.trade_id) AS used
            FROM (
                SELECT counterparty_id, max(trade_id) AS latest, count(*) AS count FROM batch
                WHERE credit_limit IS NOT NULL AND side = 'SELL' AND jsonb_typeof(terms->'lines') = 'array'
                GROUP BY counterparty_id
            ) c
            CROSS JOIN LATERAL (
                SELECT * FROM trades_version v
                WHERE v.counterparty_id = c.counterparty_id AND v.trade_id <= c.latest
                ORDER BY v.trade_id DESC LIMIT {{orders}}::bigint + c.count
            ) o
            CROSS JOIN LATERAL (
                SELECT 1 FROM trades_state s
                WHERE s.trade_id = o.trade_id AND s.version = o.version AND s.state NOT IN ({_ENDED}) OFFSET 0
            ) open
            WHERE o.side = 'SELL' AND jsonb_typeof(o.terms->'lines') = 'array'
        ) owed
        JOIN batch b ON b.trade_id = owed.trade_id
        WHERE owed.used > b.credit_limit
    """,
    message="With this order the customer owes {actual} in base currency, and has credit for {expected}.",
    fix="Ask for a payment or a higher credit; or have a second person accept the order.",
    example="An order of 4,000 by a customer who owes 8,000 and has credit for 10,000.",
    parameters={"orders": "1000"},
    meanings={"orders": "how many of a customer's latest deals are looked at for what is owed"},
    bounds={"orders": ("0", "100000")},
    overridable=True,
)
