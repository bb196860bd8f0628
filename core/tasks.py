"""Beat's tasks: sweep, heartbeat, mark moments, forget, seal the log."""

from __future__ import annotations

from celery import current_app, shared_task

from core import sql, work
from core.as_of import known_at
from core.clock import utc_now
from core.http.failures import forget_failures
from core.http.idempotency import forget_keys
from core.seals import seal_events

SEALS_AT_ONCE = 20


@shared_task(name="core.sweep")
def sweep() -> None:
    """Wake every task that has work waiting: what a lost message left behind is found here."""
    for task in work.tasks_waiting(now=utc_now()):
        current_app.send_task(task, expires=30)
    work.forget_notes()


@shared_task(name="core.heartbeat")
def heartbeat() -> None:
    """Note that beat scheduled and a worker ran: what /readyz looks at."""
    sql.run(
        "INSERT INTO core_heartbeat (name, seen_at) VALUES ('worker', %s)"
        " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at",
        [utc_now()],
    )


@shared_task(name="core.mark_moment")
def mark_moment() -> None:
    """Keep a snapshot for the present moment, so that reads of the past know how far each sequence had come."""
    known_at(utc_now())


@shared_task(name="core.forget_idempotency_keys")
def forget_idempotency_keys() -> int:
    """Delete idempotency keys, and counts of failed requests, past their time."""
    now = utc_now()
    return forget_keys(now=now) + forget_failures(now=now)


@shared_task(name="core.seal_log")
def seal_log() -> int:
    """Chain what the log has got since the last seal; a backlog in portions, so that other work has its turn."""
    return seal_events(now=utc_now(), most=SEALS_AT_ONCE)
