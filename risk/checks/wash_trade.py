"""WASH_TRADE: the same trader bought and sold the same at the same price."""

from risk.checks._relations import NEARBY_MINUTES, NEARBY_SIZE
from risk.checks.base import Check

WASH_TRADE = Check(
    code="WASH_TRADE",
    title="Bought and sold at one price",
    severity="WARN",
    precedence=67,
    rows="""
        SELECT trade_id, 'trader ' || trader AS subject, 'no deal that undoes it' AS expected, min(other) AS actual
        FROM nearby
        WHERE opposite AND NOT same_party AND apart <= {minutes} * interval '1 minute'
          AND coalesce(way_back, same_price AND quantity_off <= {quantity})
        GROUP BY trade_id, trader
    """,
    message="The {subject} dealt the other way round at the same price: {actual}.",
    fix="Ask compliance whether the two deals had an economic purpose.",
    example="1,000 bought from one party at 187.25 and sold to another at 187.25 a minute later.",
    parameters={"minutes": "5", "quantity": "0.1"},
    meanings={
        "minutes": f"how far apart the two may have been done; no more than {NEARBY_MINUTES} are looked at",
        "quantity": f"by which share their quantities may differ; no more than {NEARBY_SIZE} is looked at",
    },
    bounds={"minutes": ("0", str(NEARBY_MINUTES)), "quantity": ("0", NEARBY_SIZE)},
    overridable=True,
)
