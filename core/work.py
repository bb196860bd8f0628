"""The one claim helper: work waits in PostgreSQL, is claimed with SKIP LOCKED, and goes as its effect commits.

A claim locks work rows for the length of the caller's transaction. A killed worker's transaction rolls back,
so its rows are free again at once and nothing was half done: there is no lease to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import sql

CHUNK = 1_000  # subjects in one work row: small enough that two workers share one bulk load
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Claim:
    """Claimed work rows and the subjects in them, in the order in which they were queued."""

    work_ids: list[int]
    subject_ids: list[int]

    def __bool__(self) -> bool:
        return bool(self.work_ids)


def enqueue(task: str, subject_ids: Sequence[int], *, not_before: datetime | None = None) -> None:
    """Queue subjects for a task in the caller's transaction, in rows of at most CHUNK."""
    if not subject_ids:
        return
    chunks = [list(subject_ids[at : at + CHUNK]) for at in range(0, len(subject_ids), CHUNK)]
    values = ", ".join(["(%s, %s::bigint[], %s::timestamptz)"] * len(chunks))
    parameters = [each for chunk in chunks for each in (task, chunk, not_before)]
    sql.run(f"INSERT INTO core_work (task, subject_ids, not_before) VALUES {values}", parameters)


def claim(task: str, *, limit: int, now: datetime) -> Claim:
    """Claim work of a task, oldest first, up to about `limit` subjects (whole rows; at least one row)."""
    found = sql.rows("SELECT work_id, subject_ids FROM core_claim_work(%s, %s, %s)", [task, limit, now])
    subject_ids = [subject for _, subjects in found for subject in subjects]
    return Claim([work_id for work_id, _ in found], subject_ids)


def finish(claimed: Claim) -> None:
    """Delete the claimed rows in the transaction that did their work."""
    sql.run("DELETE FROM core_work WHERE id = ANY(%s)", [claimed.work_ids])


_POSTPONE = """
WITH failed AS (
    DELETE FROM core_work WHERE id = ANY(%s) RETURNING task, subject_ids, attempts, cardinality(subject_ids) AS n
), part AS (
    SELECT task, subject_ids AS subjects, attempts + 1 AS tries, %s + attempts * %s AS moment, 1 AS place
    FROM failed WHERE n = 1
    UNION ALL
    SELECT task, subject_ids[first:last], 1, NULL, first
    FROM failed CROSS JOIN LATERAL (VALUES (1, n / 2), (n / 2 + 1, n)) AS half(first, last)
    WHERE n > 1
)
INSERT INTO core_work (task, subject_ids, attempts, not_before)
SELECT task, subjects, tries, moment FROM part ORDER BY subjects[1], place
"""


def postpone(task: str, work_ids: Sequence[int], *, now: datetime) -> None:
    """After a failure: halve rows of many subjects, and let a single subject wait longer each time.

    What has failed is claimed row by row, so that one bad subject ends up failing alone while the rest goes on.
    """
    sql.run(_POSTPONE, [list(work_ids), now, timedelta(seconds=2)])


def wait_for_earlier(task: str, claimed: Claim) -> None:
    """Wait until every earlier claim of the task has committed or rolled back.

    Whoever must decide in the order of capture calls this after the work that needs no order.
    """
    sql.run(
        "SELECT 1 FROM core_work WHERE task = %s AND id < %s ORDER BY id FOR KEY SHARE",
        [task, claimed.work_ids[0]],
    )


def waiting(task: str) -> bool:
    """Tell whether any work of a task waits."""
    return bool(sql.row("SELECT 1 FROM core_work WHERE task = %s LIMIT 1", [task]))


def tasks_waiting(*, now: datetime) -> list[str]:
    """Return the tasks that have work which may be claimed now."""
    return [
        name
        for (name,) in sql.rows(
            "SELECT DISTINCT task FROM core_work WHERE not_before IS NULL OR not_before <= %s",
            [now],
        )
    ]
