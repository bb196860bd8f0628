"""TRADE_DATE_IN_FUTURE: the trade date has not come yet."""

from risk.checks.base import Check

TRADE_DATE_IN_FUTURE = Check(
    code="TRADE_DATE_IN_FUTURE",
    title="Trade date in the future",
    severity="BLOCK",
    precedence=42,
    condition="b.trade_date > %(today)s::date + {days}::int",
    subject="'trade_date'",
    expected="'on or before ' || %(today)s::date",
    actual="b.trade_date",
    message="The trade date {actual} lies in the future.",
    fix="Correct the trade date.",
    example="A trade booked for next week. One day ahead is allowed: Asia is already there.",
    parameters={"days": "1"},
    meanings={"days": "how many days after the business date a trade date may lie"},
    bounds={"days": ("0", "366")},
)
