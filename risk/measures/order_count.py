"""ORDER_COUNT: how many deals arrive in one minute (UTC), each by its present version."""

from risk.measures.base import Measure

ORDER_COUNT = Measure(
    code="ORDER_COUNT",
    title="Orders per minute",
    accumulates=True,
    size="1::numeric",
    until="CANCELLED",
    per="minute",
    unit="COUNT",
)
