"""The worker's side of the record."""

from __future__ import annotations

from celery import shared_task

from core.clock import utc_now
from trades.services.early import apply_queued
from trades.services.kept import TASK


@shared_task(name=TASK)
def apply_early_changes() -> int:
    """Apply changes whose deals came at the same moment; return how many were looked at."""
    done = 0
    while looked_at := apply_queued(now=utc_now()):
        done += looked_at
    return done
