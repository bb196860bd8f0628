"""SINGLE_SIZE: the size of one trade, alone."""

from risk.measures.base import Measure

SINGLE_SIZE = Measure(
    code="SINGLE_SIZE", title="Size of a single trade", accumulates=False, size="b.base_amount"
)
