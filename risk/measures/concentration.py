"""CONCENTRATION: the share of one member in the live trades of all, in per cent: of an issuer in its book, say."""

from risk.measures.base import Measure

CONCENTRATION = Measure(
    code="CONCENTRATION",
    title="Concentration, per cent of the total",
    accumulates=True,
    size="b.base_amount",
    share=True,
)
