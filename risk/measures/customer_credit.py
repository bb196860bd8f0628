"""CUSTOMER_CREDIT: what customers have ordered and not yet paid: sales of goods and services until they settle."""

from risk.measures.base import Measure

CUSTOMER_CREDIT = Measure(
    code="CUSTOMER_CREDIT",
    title="Customer credit used",
    accumulates=True,
    size="(CASE WHEN b.product IN ('GOODS', 'SERVICE') AND b.side = 'SELL' THEN b.base_amount END)",
)
