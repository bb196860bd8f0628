"""KYC_EXPIRED: the review of the party was due before the deal."""

from risk.checks.base import Check

KYC_EXPIRED = Check(
    code="KYC_EXPIRED",
    title="Know-your-customer review overdue",
    severity="BLOCK",
    precedence=71,
    condition="b.kyc_valid_to < b.trade_date",
    subject="'counterparty'",
    expected="b.kyc_valid_to",
    actual="b.party_code",
    message="The know-your-customer review of {actual} was good until {expected}.",
    fix="Ask for the review; load its new date and re-check, or have a second person accept the deal.",
    example="A sale to a client whose review ended last quarter.",
    overridable=True,
)
