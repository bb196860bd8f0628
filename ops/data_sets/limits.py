"""Limits and how much of each is used, member by member."""

from ops.data_sets.base import Column, DataSet, Place, Type
from ops.permissions import Right

_HELD = "u.held_up + u.held_down"
LIMITS = DataSet(
    code="limits",
    title="Limits",
    about="How much of each limit its members use. Figures and marks are in the limit's own unit or currency.",
    right=Right.READ_LIMITS,
    source="risk_utilisation u JOIN risk_limit l ON l.id = u.limit_id",
    order="u.id DESC",
    day="l.valid_from",
    day_name="Valid from",
    columns=(
        Column("limit", "l.code"),
        Column("name", "l.name"),
        Column("measure", "l.measure"),
        Column("kept by", "array_to_string(l.dimensions, ' × ')"),
        Column("member", "u.key"),
        Column("currency", "l.currency"),
        Column("used", "u.used", Type.NUMBER),
        Column("reserved", _HELD, Type.NUMBER),
        Column("warn", "l.warn", Type.NUMBER),
        Column("hard", "l.hard", Type.NUMBER),
        Column("valid from", "l.valid_from", Type.DATE),
        Column("valid to", "l.valid_to", Type.DATE),
    ),
    layout={
        "group_by": ["limit"],
        "columns": ["member", "used", "reserved", "hard"],
        "aggregates": {"member": "count", "used": "max", "reserved": "max", "hard": "max"},
        "sort": [["used", "desc"]],
    },
    list=Place("limits"),
)
