"""OFF_PRICE_LIST: an article is sold at another price than that of the list."""

from risk.checks._order_lines import line_rows
from risk.checks.base import Check

OFF_PRICE_LIST = Check(
    code="OFF_PRICE_LIST",
    title="Not the list price",
    severity="WARN",
    precedence=54,
    rows=line_rows("abs(unit_price / list_price - 1) > {tolerance}"),
    message="{subject} are priced at {actual}; the list says {expected}.",
    fix="Nothing holds the order; correct the price where the discount was not agreed.",
    example="A mug of 4.25 that was sold at 4.10.",
    parameters={"tolerance": "0.005"},
    meanings={"tolerance": "by which share of the list price an article's price may differ from it"},
    bounds={"tolerance": ("0", "100")},
    overridable=True,
)
