"""NET_NOTIONAL: purchases less sales of live trades, as the distance from zero."""

from risk.measures.base import Measure

NET_NOTIONAL = Measure(
    code="NET_NOTIONAL",
    title="Net notional",
    accumulates=True,
    size="(CASE b.side WHEN 'SELL' THEN -b.base_amount ELSE b.base_amount END)",
    signed=True,
)
