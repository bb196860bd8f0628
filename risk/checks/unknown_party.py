"""UNKNOWN_PARTY: the counterparty is not in the reference data."""

from risk.checks.base import Check

UNKNOWN_PARTY = Check(
    code="UNKNOWN_PARTY",
    title="Unknown counterparty",
    severity="BLOCK",
    precedence=10,
    condition="b.counterparty_id IS NULL",
    subject="'counterparty'",
    actual="b.counterparty_ref",
    message="The counterparty {actual} is not known.",
    fix="Add the party, or correct the counterparty of the trade; then re-check.",
    example="A trade with the counterparty ACME, which nobody has set up.",
)
