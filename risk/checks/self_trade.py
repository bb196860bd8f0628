"""SELF_TRADE: the counterparty is the very entity that the book belongs to."""

from risk.checks.base import Check

SELF_TRADE = Check(
    code="SELF_TRADE",
    title="Trade with ourselves",
    severity="BLOCK",
    precedence=65,
    condition="b.counterparty_id = b.entity_id",
    subject="'counterparty'",
    expected="'another party than ours'",
    actual="b.party_code",
    message="{actual} deals with itself: the book is its own.",
    fix="Correct the counterparty or the book; between two books of one entity, book a transfer.",
    example="A purchase for a book of MERIDIAN-UK from MERIDIAN-UK.",
    overridable=True,
)
