"""WATCH_LIST: a watch list names the party, its country or the instrument."""

from risk.checks._entries import entry_rows
from risk.checks.base import Check

WATCH_LIST = Check(
    code="WATCH_LIST",
    title="On a watch list",
    severity="WARN",
    precedence=63,
    rows=entry_rows("WATCHED"),
    message="The {subject} is watched by {actual}.",
    fix="Look at the deal with the reason of the list in mind; nothing holds it.",
    example="A sale of shares three days before our analyst publishes.",
    overridable=True,
)
