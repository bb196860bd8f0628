"""SETTLES_BEFORE_TRADE: the settlement date lies before the trade date."""

from risk.checks.base import Check

SETTLES_BEFORE_TRADE = Check(
    code="SETTLES_BEFORE_TRADE",
    title="Settles before it was traded",
    severity="BLOCK",
    precedence=40,
    condition="b.settlement_date < b.trade_date",
    subject="'settlement_date'",
    expected="'on or after ' || b.trade_date",
    actual="b.settlement_date",
    message="The settlement date {actual} lies before the trade date.",
    fix="Correct the settlement date.",
    example="Traded on the 23rd, to settle on the 20th.",
)
