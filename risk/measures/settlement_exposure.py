"""SETTLEMENT_EXPOSURE: what is to settle on one value date, until it has actually settled."""

from risk.measures.base import Measure

SETTLEMENT_EXPOSURE = Measure(
    code="SETTLEMENT_EXPOSURE",
    title="Settlement exposure per value date",
    accumulates=True,
    size="b.base_amount",
    per="value_date",
)
