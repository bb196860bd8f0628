"""INACTIVE_REFERENCE: the instrument or the book is no longer dealt in."""

from risk.checks.base import Check

INACTIVE_REFERENCE = Check(
    code="INACTIVE_REFERENCE",
    title="Inactive instrument or book",
    severity="BLOCK",
    precedence=16,
    condition="NOT b.instrument_active OR NOT b.book_active",
    subject="CASE WHEN NOT b.book_active THEN 'book' ELSE 'instrument' END",
    expected="'active'",
    actual="CASE WHEN NOT b.book_active THEN b.book_code ELSE b.instrument_code END",
    message="The {subject} {actual} is marked as inactive.",
    fix="Correct it in the trade, or have a second person accept the deal.",
    example="A purchase into the book of a desk that was closed.",
    overridable=True,
)
