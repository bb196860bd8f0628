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


def enqueue(task: str, subject_ids: Sequence[int]) -> None:
    """Queue subjects for a task in the caller's transaction, in rows of at most CHUNK."""
    if not subject_ids:
        return
    chunks = [list(subject_ids[at : at + CHUNK]) for at in range(0, len(subject_ids), CHUNK)]
    values = ", ".join(["(%s, %s::bigint[])"] * len(chunks))
    parameters = [each for chunk in chunks for each in (task, chunk)]
    sql.run(f"INSERT INTO core_work (task, subject_ids) VALUES {values}", parameters)


def claim(task: str, *, limit: int, now: datetime) -> Claim:
    """Claim work of a task, oldest first, up to about `limit` subjects (whole rows; at least one row)."""
    found = sql.rows("SELECT work_id, subject_ids FROM core_claim_work(%s, %s, %s)", [task, limit, now])
    subject_ids = [subject for _, subjects in found for subject in subjects]
    return Claim([work_id for work_id, _ in found], subject_ids)


def finish(claimed: Claim) -> None:
    """Delete the claimed rows in the transaction that did their work."""
    sql.run("DELETE FROM core_work WHERE id = ANY(%s)", [claimed.work_ids])


def postpone(task: str, work_ids: Sequence[int], *, now: datetime) -> None:
    """After a failure: count the attempt, split rows into single subjects, and wait longer each time.

    One bad subject then fails alone while the rest of its row goes on.
    """
    sql.run(
        """
        WITH failed AS (DELETE FROM core_work WHERE id = ANY(%s) RETURNING task, subject_ids, attempts)
        INSERT INTO core_work (task, subject_ids, attempts, not_before)
        SELECT task, ARRAY[subject], attempts + 1, %s + attempts * %s
        FROM failed, unnest(subject_ids) AS subject
        """,
        [list(work_ids), now, timedelta(seconds=2)],
    )


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
