"""The one claim helper: work waits in PostgreSQL, is claimed with SKIP LOCKED, and goes as its effect commits.

A claim locks work rows for the length of the caller's transaction. A killed worker's transaction rolls back,
so its rows are free again at once and nothing was half done: there is no lease to wait for.

Nothing of that transaction would say that the work itself killed the worker. So what failed before, or waits
longer than work does, is noted by a transaction of its own before it is worked on. Whoever claims work with
the note of a session that is gone treats it as failed: it is halved until the killer is alone, and set aside.
Fresh work costs nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction

from core import sql

_log = logging.getLogger(__name__)
CHUNK = 1_000  # subjects in one work row: small enough that two workers share one bulk load
MAX_ATTEMPTS = 5
MAX_CRASHES = 3  # of a subject that was alone in its claim


@dataclass(frozen=True)
class Claim:
    """Claimed work rows and the subjects in them, in the order in which they were queued.

    noted: whether a note says that this session has them. deadly: the one subject has ended its worker
    MAX_CRASHES times; it must be set aside and not be worked on. put_back: rows that were put back instead.
    """

    work_ids: list[int]
    subject_ids: list[int]
    noted: bool = False
    deadly: bool = False
    put_back: int = 0

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
    """Claim work of a task, oldest first, up to about `limit` subjects (whole rows; at least one row).

    A claim of nothing with `put_back`: what was found has ended its worker; end the transaction and claim again.
    """
    found = sql.rows(
        "SELECT work_id, subject_ids, suspect, crashes FROM core_claim_work(%s, %s, %s)", [task, limit, now]
    )
    work_ids = [work_id for work_id, *_ in found]
    suspect = any(suspect for _, _, suspect, _ in found)
    if suspect and (crashed := _crashed(work_ids)):
        _put_back(crashed, now=now, crashes=1)
        return Claim([], [], put_back=len(crashed))
    return Claim(
        work_ids,
        [subject for _, subjects, *_ in found for subject in subjects],
        noted=suspect and _note(work_ids),
        deadly=any(crashes >= MAX_CRASHES for *_, crashes in found),
    )


_GONE = """
NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.pid = n.pid AND a.backend_start = n.backend_start)
"""


def _crashed(work_ids: list[int]) -> list[int]:
    """Return which of the claimed rows were in the hands of a session that is gone; forget its note."""
    found = sql.rows(
        f"DELETE FROM core_claim_note n WHERE n.work_ids && %s::bigint[] AND {_GONE} RETURNING n.work_ids",
        [work_ids],
    )
    noted = {work_id for (ids,) in found for work_id in ids}
    return [work_id for work_id in work_ids if work_id in noted]


_NOTE = """
INSERT INTO core_claim_note (pid, backend_start, work_ids)
SELECT a.pid, a.backend_start, %s::bigint[] FROM pg_stat_activity a WHERE a.pid = %s
"""


def _note(work_ids: list[int]) -> bool:
    """Note by another connection, so that it stays when this one's transaction does not.

    False when there is none to be had: the work matters more than the note.
    """
    session = sql.row("SELECT pg_backend_pid()")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(_NOTE, [sql.array_literal(work_ids), *(session or ())])
    except OperationalError as error:
        _log.warning("could not note a claim: %s", error)
        return False
    finally:
        other.close()
    return True


def forget_notes() -> int:
    """Delete the notes of sessions that are gone whose work is done; return how many."""
    return sql.run(
        f"DELETE FROM core_claim_note n WHERE {_GONE}"
        " AND NOT EXISTS (SELECT 1 FROM core_work w WHERE w.id = ANY(n.work_ids))"
    )


def finish(claimed: Claim) -> None:
    """Delete the claimed rows in the transaction that did their work."""
    sql.run("DELETE FROM core_work WHERE id = ANY(%s)", [claimed.work_ids])
    _tear_note(claimed)


def _tear_note(claimed: Claim) -> None:
    if claimed.noted:
        sql.run("DELETE FROM core_claim_note WHERE pid = pg_backend_pid()")


def set_aside(claimed: Claim) -> None:
    """Keep the claimed rows from being claimed until somebody says `retry_set_aside`."""
    sql.run("UPDATE core_work SET not_before = 'infinity' WHERE id = ANY(%s)", [claimed.work_ids])
    _tear_note(claimed)


def retry_set_aside() -> int:
    """Let what was set aside be claimed again; return how many rows."""
    return sql.run(
        "UPDATE core_work SET not_before = NULL, crashes = 0 WHERE id IN (SELECT id FROM core_work"
        " WHERE not_before = 'infinity' ORDER BY id FOR UPDATE)"
    )


def is_spent(claimed: Claim) -> bool:
    """Tell whether what was claimed has failed so often that it should be given up."""
    attempts = "SELECT 1 FROM core_work WHERE id = ANY(%s) AND attempts >= %s"
    return bool(sql.row(attempts, [claimed.work_ids, MAX_ATTEMPTS]))


_PUT_BACK = """
WITH failed AS (
    DELETE FROM core_work WHERE id = ANY(%s)
    RETURNING task, subject_ids, attempts, crashes, cardinality(subject_ids) AS n
), part AS (
    SELECT task, subject_ids AS subjects, attempts + 1 AS tries, crashes + %s AS deaths,
           %s + attempts * %s AS moment, 1 AS place
    FROM failed WHERE n = 1
    UNION ALL
    SELECT task, subject_ids[first:last], 1, 0, NULL, first
    FROM failed CROSS JOIN LATERAL (VALUES (1, n / 2), (n / 2 + 1, n)) AS half(first, last)
    WHERE n > 1
)
INSERT INTO core_work (task, subject_ids, attempts, crashes, not_before)
SELECT task, subjects, tries, deaths, moment FROM part ORDER BY subjects[1], place
"""


def postpone(claimed: Claim, *, now: datetime) -> None:
    """After a failure: halve rows of many subjects, and let a single subject wait longer each time.

    What has failed is claimed row by row, so that one bad subject ends up failing alone while the rest goes on.
    """
    _put_back(claimed.work_ids, now=now, crashes=0)
    _tear_note(claimed)


def _put_back(work_ids: list[int], *, now: datetime, crashes: int) -> None:
    sql.run(_PUT_BACK, [work_ids, crashes, now, timedelta(seconds=2)])


def wait_for_earlier(task: str, claimed: Claim) -> None:
    """Wait until every earlier claim of the task has committed or rolled back.

    Whoever must decide in the order of capture calls this after the work that needs no order.
    """
    sql.run(
        "SELECT 1 FROM core_work WHERE task = %s AND id < %s ORDER BY id FOR KEY SHARE",
        [task, claimed.work_ids[0]],
    )


class _Free(Exception):  # noqa: N818
    """Lets go of the rows that nobody has in hand."""


def wait_for_claims(task: str) -> None:
    """Wait until every claim of a task that is in hand now has committed or rolled back.

    For work that must come after whatever the claims of this moment have read. It keeps no lock on the task's
    rows: those that nobody has are let go at once, those of the claims are gone with them.
    """
    free: set[int] = set()
    known = {number for (number,) in sql.rows("SELECT id FROM core_work WHERE task = %s", [task])}
    with suppress(_Free), transaction.atomic():
        free = {
            number
            for (number,) in sql.rows(
                "SELECT id FROM core_work WHERE id = ANY(%s) FOR KEY SHARE SKIP LOCKED", [sorted(known)]
            )
        }
        raise _Free
    sql.run("SELECT 1 FROM core_work WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [sorted(known - free)])


def do_next(task: str, *, step: Callable[[int], bool], give_up: Callable[[int], None], now: datetime) -> bool:
    """Do the next step of the subject of a task that waits longest; return whether there was one.

    For what goes on step by step, each in a transaction of its own, and is queued alone. step: does it and tells
    whether more follow, which queue behind the others. One that fails is tried again later; a subject that fails to the
    end, or ends its worker again and again, is given up.
    """
    with transaction.atomic():
        claimed = claim(task, limit=1, now=now)
        if not claimed:
            return bool(claimed.put_back)
        (subject_id,) = claimed.subject_ids
        if claimed.deadly:
            _log.error("%s: %d ends the worker: it is given up", task, subject_id)
            give_up(subject_id)
            finish(claimed)
            return True
        try:
            with transaction.atomic():
                goes_on = step(subject_id)
        except Exception:
            _log.exception("%s: a step of %d failed", task, subject_id)
            if is_spent(claimed):
                give_up(subject_id)
                finish(claimed)
            else:
                postpone(claimed, now=now)
        else:
            finish(claimed)
            if goes_on:
                enqueue(task, [subject_id])
    return True


def until_none(step: Callable[[], int]) -> int:
    """Take steps until one has done nothing; return the sum of what they have done."""
    return sum(iter(step, 0))


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
