"""OFF_MARKET_PRICE: the price is far from the latest close."""

from risk.checks.base import Check

_TOLERANCE = (
    "coalesce(b.price_tolerance, CASE b.liquidity_class WHEN 'HIGH' THEN {high} WHEN 'MEDIUM' THEN {medium}"
    " WHEN 'LOW' THEN {low} ELSE {tolerance} END)"
)

OFF_MARKET_PRICE = Check(
    code="OFF_MARKET_PRICE",
    title="Price off the market",
    severity="BLOCK",
    precedence=50,
    condition=(
        "b.close IS NOT NULL AND b.close_currency = b.currency AND b.price > 0"
        f" AND abs(b.price / b.close - 1) > {_TOLERANCE}"
    ),
    subject="'price'",
    expected="trim_scale(b.close) || ' of ' || b.close_date",
    actual="trim_scale(b.price)",
    message="The price {actual} is off the market: the close was {expected}.",
    fix="Ask the trader; correct the price, or have a second person accept it.",
    example="187.25 keyed as 1872.5.",
    parameters={"high": "0.05", "medium": "0.10", "low": "0.25", "tolerance": "0.10"},  # by liquidity class
    meanings={
        "high": "how far from the close a price may be, as a share of it, of an instrument dealt in much",
        "medium": "the same of one dealt in regularly",
        "low": "the same of one dealt in seldom",
        "tolerance": "the same of one without a liquidity class; an instrument's own goes before all of them",
    },
    bounds=dict.fromkeys(("high", "medium", "low", "tolerance"), ("0", "100")),
    overridable=True,
)
