"""OVER_DISCOUNT: an article is sold further below its list price than the customer may have it."""

from risk.checks._order_lines import DISCOUNT, line_rows
from risk.checks.base import Check

OVER_DISCOUNT = Check(
    code="OVER_DISCOUNT",
    title="Discount too high",
    severity="BLOCK",
    precedence=55,
    rows=line_rows(f"unit_price < list_price * (1 - {DISCOUNT})"),
    message="{subject} are priced at {actual}, too far below the list price of {expected}.",
    fix="Correct the price, or have a second person accept the discount.",
    example="A mug of 4.25 that was sold at 0.43.",
    parameters={"discount": "0.30"},
    meanings={
        "discount": "how far below its list price an article may be sold, as a share of it, where its customer has none"
    },
    bounds={"discount": ("0", "1")},
    overridable=True,
)
