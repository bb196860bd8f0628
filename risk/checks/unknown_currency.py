"""UNKNOWN_CURRENCY: ISO 4217 does not list the currency."""

from risk.checks.base import Check

UNKNOWN_CURRENCY = Check(
    code="UNKNOWN_CURRENCY",
    title="Unknown currency",
    severity="BLOCK",
    precedence=14,
    condition="b.currency <> ALL({currencies}) OR b.contra_currency <> ALL({currencies})",
    subject="'currency'",
    expected="'an ISO 4217 code'",
    actual="concat_ws(' ', b.currency, b.contra_currency)",
    message="{actual}: not a currency that ISO 4217 lists.",
    fix="Correct the currency.",
    example="EURO, or XYZ, instead of EUR.",
)
