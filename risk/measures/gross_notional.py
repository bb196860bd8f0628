"""GROSS_NOTIONAL: the size of all live trades, purchases and sales alike."""

from risk.measures.base import Measure

GROSS_NOTIONAL = Measure(
    code="GROSS_NOTIONAL", title="Gross notional", accumulates=True, size="b.base_amount"
)
