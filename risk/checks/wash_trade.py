"""WASH_TRADE: the same trader bought and sold the same at the same price."""

from risk.checks.base import Check

WASH_TRADE = Check(
    code="WASH_TRADE",
    title="Bought and sold at one price",
    severity="WARN",
    precedence=67,
    rows="""
        SELECT b.trade_id, 'trader ' || b.trader AS subject, 'no deal that undoes it' AS expected,
               min(n.other) AS actual
        FROM nearby n JOIN batch b ON b.trade_id = n.trade_id
        WHERE n.opposite AND n.counterparty_ref <> b.counterparty_ref
          AND n.apart BETWEEN - {minutes} * interval '1 minute' AND {minutes} * interval '1 minute'
          AND CASE WHEN b.contra_currency IS NULL
              THEN n.price = b.price AND abs(n.quantity - b.quantity) <= {quantity} * b.quantity
              ELSE n.quantity = b.contra_amount AND n.contra_amount = b.quantity END
        GROUP BY b.trade_id, b.trader
    """,
    message="The {subject} dealt the other way round at the same price: {actual}.",
    fix="Ask compliance whether the two deals had an economic purpose.",
    example="1,000 bought from one party at 187.25 and sold to another at 187.25 a minute later.",
    parameters={"minutes": "5", "quantity": "0.1"},
    overridable=True,
)
