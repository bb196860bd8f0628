"""RESTRICTED_LIST: a restricted list names the party, its country or the instrument."""

from risk.checks._entries import entry_rows
from risk.checks.base import Check

RESTRICTED_LIST = Check(
    code="RESTRICTED_LIST",
    title="On a restricted list",
    severity="BLOCK",
    precedence=62,
    rows=entry_rows("RESTRICTED"),
    message="The {subject} is restricted by {actual}.",
    fix="Ask compliance; a second person may accept the deal.",
    example="A purchase of shares whose issuer our own firm advises on a takeover.",
    overridable=True,
)
