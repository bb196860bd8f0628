"""NEAR_DUPLICATE: nearly the same deal was captured a moment before."""

from risk.checks.base import Check

NEAR_DUPLICATE = Check(
    code="NEAR_DUPLICATE",
    title="Nearly the same deal",
    severity="WARN",
    precedence=69,
    rows="""
        SELECT b.trade_id, 'source_ref' AS subject, 'one deal' AS expected, min(n.other) AS actual
        FROM nearby n JOIN batch b ON b.trade_id = n.trade_id
        WHERE NOT n.opposite AND n.counterparty_ref = b.counterparty_ref
          AND n.apart BETWEEN - {minutes} * interval '1 minute' AND {minutes} * interval '1 minute'
          AND abs(n.quantity - b.quantity) <= {quantity} * b.quantity
          AND abs(n.price - b.price) <= {price} * b.price
          AND NOT (n.duplicate_key = b.duplicate_key AND n.net_amount = b.net_amount)
        GROUP BY b.trade_id
    """,
    message="Nearly the same deal was also captured as {actual}.",
    fix="Ask the desk whether one corrects the other; reject what is not a deal of its own.",
    example="A deal keyed again after a typing mistake: 1,000 at 187.25 and, a minute later, 1,000 at 187.52.",
    parameters={"minutes": "3", "quantity": "0.01", "price": "0.002"},
    overridable=True,
)
