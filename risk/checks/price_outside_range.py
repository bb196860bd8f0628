"""PRICE_OUTSIDE_RANGE: nobody dealt at this price on the day."""

from risk.checks.base import Check

_SLACK = (
    "CASE b.liquidity_class WHEN 'HIGH' THEN {high} WHEN 'MEDIUM' THEN {medium} WHEN 'LOW' THEN {low}"
    " ELSE {slack} END"
)

PRICE_OUTSIDE_RANGE = Check(
    code="PRICE_OUTSIDE_RANGE",
    title="Price outside the day's range",
    severity="BLOCK",
    precedence=52,
    condition=(
        "b.day_low IS NOT NULL AND b.close_date = b.trade_date AND b.close_currency = b.currency AND b.price > 0"
        f" AND NOT b.price BETWEEN b.day_low * (1 - {_SLACK}) AND b.day_high * (1 + {_SLACK})"
    ),
    subject="'price'",
    expected="trim_scale(b.day_low) || ' to ' || trim_scale(b.day_high)",
    actual="trim_scale(b.price)",
    message="The price {actual} was not dealt on the day: the market went from {expected}.",
    fix="Ask the trader; correct the price or the trade date, or have a second person accept it.",
    example="A share bought at 191.00 on a day on which it went from 186.10 to 188.94.",
    parameters={"high": "0.005", "medium": "0.01", "low": "0.03", "slack": "0.01"},
    meanings={
        "high": "how far beyond the day's range a price may be, as a share of it, of an instrument dealt in much",
        "medium": "the same of one dealt in regularly",
        "low": "the same of one dealt in seldom",
        "slack": "the same of one without a liquidity class",
    },
    bounds=dict.fromkeys(("high", "medium", "low", "slack"), ("0", "1")),
    overridable=True,
)
