"""UNKNOWN_BOOK: the book is not in the reference data."""

from risk.checks.base import Check

UNKNOWN_BOOK = Check(
    code="UNKNOWN_BOOK",
    title="Unknown book",
    severity="BLOCK",
    precedence=11,
    condition="b.book_id IS NULL",
    subject="'book'",
    actual="b.book_ref",
    message="The book {actual} is not known.",
    fix="Add the book, or correct the book of the trade; then re-check.",
    example="A trade for the book EQ-MARS.",
)
