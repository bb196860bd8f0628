"""OFF_MARKET_PRICE: the price is far from the latest close."""

from risk.checks.base import Check

OFF_MARKET_PRICE = Check(
    code="OFF_MARKET_PRICE",
    title="Price off the market",
    severity="BLOCK",
    precedence=50,
    condition=(
        "b.close IS NOT NULL AND b.close_currency = b.currency AND b.price > 0"
        " AND abs(b.price / b.close - 1) > coalesce(b.price_tolerance, {tolerance})"
    ),
    subject="'price'",
    expected="trim_scale(b.close) || ' of ' || b.close_date",
    actual="trim_scale(b.price)",
    message="The price {actual} is off the market: the close was {expected}.",
    fix="Ask the trader; correct the price, or have a second person accept it.",
    example="187.25 keyed as 1872.5.",
    parameters={"tolerance": "0.10"},
    meanings={
        "tolerance": "how far from the close a price may be, as a share of it; an instrument's own goes before"
    },
    bounds={"tolerance": ("0", "100")},
    overridable=True,
)
