"""LATE_BOOKING: the deal was captured long after it was done."""

from risk.checks.base import Check

# A later version was recorded later, but the deal came with its first; a part of a block came with its block.
_CAME = (
    "(CASE WHEN b.version = 1 AND b.block_id IS NULL THEN b.recorded_at ELSE (SELECT f.recorded_at"
    " FROM trades_version f WHERE f.trade_id = coalesce(b.block_id, b.trade_id) AND f.version = 1)"
    " END AT TIME ZONE 'UTC')"
)
_DONE = "(b.executed_at AT TIME ZONE 'UTC')"
# Saturdays and Sundays after the day it was done, up to the day it came: 0001-01-01 was a Monday.
_MONDAYS = "(({}::date - date '0001-01-01') / 7)"
_WEEKENDS = f"({_MONDAYS.format(_CAME)} - {_MONDAYS.format(_DONE)})"

LATE_BOOKING = Check(
    code="LATE_BOOKING",
    title="Booked late",
    severity="WARN",
    precedence=46,
    condition=(
        f"b.executed_at IS NOT NULL"
        f" AND {_CAME} - {_DONE} - {_WEEKENDS} * interval '2 days' > {{hours}} * interval '1 hour'"
    ),
    subject="'executed_at'",
    expected="'within ' || {hours} || ' hours'",
    actual=f"to_char({_DONE}, 'YYYY-MM-DD HH24:MI') || ' UTC'",
    message="The deal of {actual} was not captured {expected} of business.",
    fix="Ask the desk why the deal comes late, and look whether it hid a loss or a limit.",
    example="A deal done on Monday morning that is booked on Wednesday.",
    parameters={"hours": "24"},
    meanings={"hours": "how many hours after it was done a deal may come, Saturdays and Sundays not counted"},
    bounds={"hours": ("0", "8784")},
    overridable=True,
)
