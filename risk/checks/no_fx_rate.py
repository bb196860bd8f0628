"""NO_FX_RATE: the deal cannot be measured in base currency."""

from risk.checks.base import Check

NO_FX_RATE = Check(
    code="NO_FX_RATE",
    title="No exchange rate",
    severity="BLOCK",
    precedence=51,
    condition="b.base_amount IS NULL",
    subject="'currency'",
    actual="b.currency",
    message="There is no fresh and plausible rate of {actual} to the base currency, so no limit can be measured.",
    fix="Load the rate, or correct it where it makes an absurd size; then re-check.",
    example="A deal in a currency whose rates stopped two weeks ago.",
)
