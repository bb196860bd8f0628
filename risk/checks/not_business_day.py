"""NOT_BUSINESS_DAY: the settlement date is a weekend or a holiday of a currency, the market or the firm."""

from risk.checks.base import Check

NOT_BUSINESS_DAY = Check(
    code="NOT_BUSINESS_DAY",
    title="Settlement on a closed day",
    severity="BLOCK",
    precedence=41,
    condition=(
        "extract(isodow FROM b.settlement_date) > 5 OR EXISTS (SELECT 1 FROM refdata_holiday h"
        " WHERE h.date = b.settlement_date AND h.calendar IN (b.currency, b.contra_currency, b.market, 'FIRM'))"
    ),
    subject="'settlement_date'",
    expected="'a business day'",
    actual="b.settlement_date",
    message="The settlement date {actual} is not a business day.",
    fix="Correct the settlement date to the next business day.",
    example="A settlement date on a Saturday, or on a TARGET holiday for euro.",
    overridable=True,
)
