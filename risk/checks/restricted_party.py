"""RESTRICTED_PARTY: the counterparty is on the restricted list."""

from risk.checks.base import Check

RESTRICTED_PARTY = Check(
    code="RESTRICTED_PARTY",
    title="Restricted counterparty",
    severity="BLOCK",
    precedence=61,
    condition="b.restricted",
    subject="'counterparty'",
    actual="b.party_code",
    message="{actual} is restricted.",
    fix="Ask compliance; a second person may accept the deal.",
    example="A purchase from a party under sanctions review.",
    overridable=True,
)
