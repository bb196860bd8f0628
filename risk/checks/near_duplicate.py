"""NEAR_DUPLICATE: nearly the same deal was captured a moment before."""

from risk.checks._relations import NEARBY_MINUTES, NEARBY_SIZE
from risk.checks.base import Check

NEAR_DUPLICATE = Check(
    code="NEAR_DUPLICATE",
    title="Nearly the same deal",
    severity="WARN",
    precedence=69,
    rows="""
        SELECT trade_id, 'source_ref' AS subject, 'one deal' AS expected, min(other) AS actual
        FROM nearby
        WHERE NOT opposite AND NOT equal AND same_party AND apart <= {minutes} * interval '1 minute'
          AND quantity_off <= {quantity} AND price_off <= {price}
        GROUP BY trade_id
    """,
    message="Nearly the same deal was also captured as {actual}.",
    fix="Ask the desk whether one corrects the other; reject what is not a deal of its own.",
    example="A ticket keyed again after a typing mistake: 1,000 at 187.25, and the same moment again at 187.52.",
    parameters={"minutes": "0.5", "quantity": "0.01", "price": "0.002"},
    meanings={
        "minutes": f"how far apart the two may have been done; no more than {NEARBY_MINUTES} are looked at",
        "quantity": f"by which share their quantities may differ; no more than {NEARBY_SIZE} is looked at",
        "price": "by which share their prices may differ",
    },
    bounds={"minutes": ("0", str(NEARBY_MINUTES)), "quantity": ("0", NEARBY_SIZE), "price": ("0", "1")},
    overridable=True,
)
