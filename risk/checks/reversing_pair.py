"""REVERSING_PAIR: the deal undoes one with the same party that was done shortly before."""

from risk.checks._relations import NEARBY_MINUTES
from risk.checks.base import Check

# In a busy book some deals are of one size with one party by chance. What undoes a deal is done at nearly its price.
REVERSING_PAIR = Check(
    code="REVERSING_PAIR",
    title="Reversing pair",
    severity="WARN",
    precedence=68,
    rows="""
        SELECT trade_id, 'counterparty' AS subject, 'no deal that undoes it' AS expected, min(other) AS actual
        FROM nearby
        WHERE opposite AND same_size AND same_party AND same_book AND apart <= {minutes} * interval '1 minute'
          AND (way_back IS NOT NULL OR price_off <= {price})
        GROUP BY trade_id
    """,
    message="The deal undoes {actual}, of the same size with the same party.",
    fix="Ask the desk for the purpose; where one corrects the other, cancel both and book the right one.",
    example="1,000 bought and, five minutes later, 1,000 sold by the same trader to the same party.",
    parameters={"minutes": "15", "price": "0.0075"},
    meanings={
        "minutes": f"how far apart the two may have been done; no more than {NEARBY_MINUTES} are looked at",
        "price": "by which share their prices may differ; the amounts of an exchange say enough without its rate",
    },
    bounds={"minutes": ("0", str(NEARBY_MINUTES)), "price": ("0", "10")},
    overridable=True,
)
