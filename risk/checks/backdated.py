"""BACKDATED: the trade date lies before the day on which the deal was done."""

from risk.checks.base import Check

_DONE = "(b.executed_at AT TIME ZONE 'UTC')::date"

BACKDATED = Check(
    code="BACKDATED",
    title="Backdated",
    severity="WARN",
    precedence=47,
    condition=f"b.trade_date < {_DONE} - {{days}}::int",
    subject="'trade_date'",
    expected=f"{_DONE}",
    actual="b.trade_date",
    message="The trade date {actual} lies before {expected}, when the deal was done.",
    fix="Ask the desk why; correct the trade date or the moment of execution.",
    example="A deal of today booked with the trade date of last month. One day is allowed: zones differ.",
    parameters={"days": "1"},
    meanings={"days": "how many days before the day on which the deal was done its trade date may lie"},
    bounds={"days": ("0", "36500")},
    overridable=True,
)
