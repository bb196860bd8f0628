"""The work items of risk beside what checks find: what exceeds a limit, and figures that were wrong."""

from __future__ import annotations

from core import sql
from core.as_of import AsOf
from trades.work_items import About, Facts, Move, WorkKind

FINDINGS = "FINDING"
LIMITS = "LIMIT"
FIGURES = "FIGURE"
LIMIT = "limit"  # the subject of a limit in the log

_TOLD = """
SELECT l.code, w.found_at, w.running, w.recomputed FROM risk_limit l
LEFT JOIN risk_wrong_figure w ON w.limit_id = l.id AND w.key = %(member)s
    AND (%(as_at)s::timestamptz IS NULL OR w.found_at <= %(as_at)s)
WHERE l.id = %(limit)s ORDER BY w.id DESC LIMIT 50
"""


def _facts(about: About, as_of: AsOf) -> Facts:
    """Return the figures of a limit's member that were wrong by then, the latest first."""
    told = sql.rows(_TOLD, {"limit": about.subject_id, "member": about.member, "as_at": as_of.as_at})
    rows = [
        (f"{at:%Y-%m-%d %H:%M} UTC", f"{running:,.2f}", f"{recomputed:,.2f}", f"{running - recomputed:+,.2f}")
        for _, at, running, recomputed in told
        if at is not None
    ]
    code = told[0][0] if told else ""
    return Facts(
        f"Use of {code} by {about.member or 'all'}",
        ("Found", "Was", "The trades add up to", "Too much by"),
        rows,
        (code, about.member),
    )


KINDS = (
    WorkKind(
        code=LIMITS,
        title="limit excess",
        severity="BLOCK",
        mark="LIMIT_EXCESS",
        move=Move.RISK,
        next_action="Have the excess accepted by a second person, or have the deal made smaller.",
        answered="The trade keeps within every limit, the excess of it is accepted by two people, or it is cancelled.",
        rechecks=True,
    ),
    WorkKind(
        code=FIGURES,
        title="wrong figure of a limit",
        severity="WARN",
        mark="WRONG_FIGURE",
        move=Move.RISK,
        next_action="Find out why the trades did not add up to the figure, which was put right, and say so.",
        answered="A person says what was behind it.",
        by_hand=True,
        facts=_facts,
    ),
)
