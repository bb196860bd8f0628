"""The worker's side of the console."""

from __future__ import annotations

from celery import shared_task

from core.clock import utc_now
from feed.selectors import complete_up_to
from ops.flow import count_up_to

_MOST_STEPS = 20  # in one turn: the clock comes back for the rest


@shared_task(name="ops.count_flow")
def count_flow() -> None:
    """Count what the log has got, as far as it is complete."""
    up_to = complete_up_to()
    for _ in range(_MOST_STEPS):
        if up_to is None or not count_up_to(up_to=up_to, now=utc_now()):
            return
