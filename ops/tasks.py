"""The worker's side of the console: exports that nobody sits before, what is forgotten in time, and what flows."""

from __future__ import annotations

from celery import shared_task

from core import work
from core.clock import utc_now
from core.notifications import forget_notifications
from feed.selectors import complete_up_to
from ops.export_making import make_exports
from ops.export_orders import TASK, forget_exports
from ops.flow import count_up_to

_MOST_STEPS = 20  # in one turn: the clock comes back for the rest


@shared_task(name=TASK)
def make() -> int:
    """Make the exports that wait, unless another worker is at it; return how many."""
    return make_exports(clock=utc_now)


@shared_task(name="ops.forget_exports")
def forget() -> int:
    """Delete exports past their time; return how many."""
    return work.until_none(lambda: forget_exports(now=utc_now()))


@shared_task(name="ops.forget_notifications")
def forget_told() -> int:
    """Delete notifications past their time; return how many."""
    return work.until_none(lambda: forget_notifications(now=utc_now()))


@shared_task(name="ops.count_flow")
def count_flow() -> None:
    """Count what the log has got, as far as it is complete."""
    up_to = complete_up_to()
    for _ in range(_MOST_STEPS):
        if up_to is None or not count_up_to(up_to=up_to, now=utc_now()):
            return
