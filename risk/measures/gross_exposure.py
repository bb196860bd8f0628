"""GROSS_EXPOSURE: what live trades would cost to replace, none set off against another, until they settle."""

from risk.measures.base import Measure

GROSS_EXPOSURE = Measure(
    code="GROSS_EXPOSURE", title="Gross settlement exposure", accumulates=True, size="b.base_amount"
)
