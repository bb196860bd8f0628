"""ORDER_COUNT: how many deals arrive in one minute (UTC), each by its present version, a block as one."""

from risk.measures.base import Measure

ORDER_COUNT = Measure(
    code="ORDER_COUNT",
    title="Orders per minute",
    accumulates=True,
    size="(CASE WHEN b.is_order THEN 1::numeric END)",
    until="CANCELLED",
    per="minute",
    unit="COUNT",
)
