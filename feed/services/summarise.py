"""Keeping the index of the log in step with the log."""

from __future__ import annotations

from django.db import OperationalError, transaction

from core import sql


def summarise_log() -> bool:
    """Let the BRIN on the id cover what was written last; False when the log is being vacuumed.

    Blocks that it does not cover yet are read by every page of the feed. PostgreSQL itself covers them once a minute.
    """
    try:
        # It waits for nobody: autovacuum does the same, and would be cancelled by who waits for it.
        with transaction.atomic():
            sql.run("SET LOCAL lock_timeout = '50ms'")
            sql.run("SELECT brin_summarize_new_values('core_event_by_id')")
    except OperationalError:
        return False
    return True
