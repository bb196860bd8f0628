"""Release: what a check or a limit holds goes to the checks again by itself, once two people have set it otherwise.

An approval queues the check, the limit or the temporary excess; a worker finds the trades that it holds, another
sends them to the checks in portions, as for reference data (trades/services/release.py). Which way a number of a
check is looser only its rule knows: what is still found holds its trade again as it did. Everything may run twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from core import work
from core.wake import wake_on_commit
from risk.services.decision import BREACH
from risk.services.recompute import restate_limits
from trades.services.release import ACTOR, held_because, queue_held

Kind = Literal["checks", "limits", "excesses"]
TASK = "risk.release"
REASON = "the check or limit that held it was set otherwise"
# The findings that end by a change: their code, and what their subject is or, up to a space, begins with.
_ENDED: dict[Kind, str] = {
    "checks": "SELECT c.code, NULL, NULL FROM risk_check c WHERE c.id = ANY(%(ids)s::bigint[])",
    "limits": f"SELECT '{BREACH}', NULL, l.code || ' ' FROM risk_limit l WHERE l.id = ANY(%(ids)s::bigint[])",
    "excesses": f"SELECT '{BREACH}', l.code || ' ' || t.key, NULL FROM risk_temporary_excess t"
    " JOIN risk_limit l ON l.id = t.limit_id WHERE t.id = ANY(%(ids)s::bigint[])",
}
_BECAUSE = """
EXISTS (
    SELECT FROM ({ended}) AS n(code, subject, beginning)
    JOIN trades_finding f ON f.trade_id = e.trade_id AND f.closed_at IS NULL AND f.severity = 'BLOCK'
        AND f.code = n.code AND f.subject = coalesce(n.subject, f.subject)
        AND starts_with(f.subject, coalesce(n.beginning, ''))
    WHERE n.code = ANY(e.codes)
)
"""
KINDS: tuple[Kind, ...] = tuple(_ENDED)


def task_of(kind: Kind) -> str:
    """Return the name of the task that looks for what checks, limits or temporary excesses hold."""
    return f"{TASK}.{kind}"


def note_set(kind: Kind, row_ids: Sequence[int], *, not_before: datetime | None = None) -> None:
    """Queue what two people have set otherwise, in the transaction of their approval; not_before: when it holds."""
    work.enqueue(task_of(kind), row_ids, not_before=not_before)
    wake_on_commit(task_of(kind))


def find_held(*, kind: Kind, now: datetime) -> int:
    """Queue the trades that are held by what was set otherwise; return how many settings were looked at.

    A limit's figures are told anew before, where its change has made them stale.
    """
    if kind == "limits":
        restate_limits(now=now, actor=ACTOR)

    def held(row_ids: Sequence[int]) -> list[int]:
        return held_because(_BECAUSE.format(ended=_ENDED[kind]), ids=list(row_ids))

    return queue_held(task=task_of(kind), held=held, to=TASK, now=now)
