"""DAILY_TURNOVER: what is dealt on one trade date, settled since or not."""

from risk.measures.base import Measure

DAILY_TURNOVER = Measure(
    code="DAILY_TURNOVER",
    title="Turnover per trade date",
    accumulates=True,
    size="b.base_amount",
    until="CANCELLED",
    per="trade_date",
)
