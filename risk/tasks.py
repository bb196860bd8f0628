"""The worker's side of the checks."""

from __future__ import annotations

import time

from celery import shared_task

from core import work
from core.audit import system
from core.clock import utc_now
from core.wake import wake_on_commit
from risk.services.check import BATCH, TASK, check_captured
from risk.services.recompute import TASK as RECOMPUTE
from risk.services.recompute import recompute_limits, restate_limits
from risk.services.reservations import EXPIRED_AT_ONCE, expire_reservations
from risk.services.stops import enforce_stops

TURN_SECONDS = 20  # then the next message goes on, so that a stop or a deploy never waits long


@shared_task(name=TASK)
def check() -> int:
    """Check captured trades until none waits or the turn is over; return how many.

    A full batch means more waits: another worker is woken to share it.
    """
    done = 0
    ends = time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends:
        claimed = check_captured(now=utc_now())
        done += claimed
        if claimed >= BATCH and done == claimed:
            wake_on_commit(TASK)
        if not claimed:
            return done
    if work.waiting(TASK):
        wake_on_commit(TASK)
    return done


@shared_task(name=RECOMPUTE)
def recompute() -> int:
    """Tell every running figure again from the trades, each night and on demand; return how many differed and
    should not have. Each difference is in the log."""
    return len(recompute_limits(now=utc_now(), actor=system("recompute_limits"), correct=True))


@shared_task(name="risk.restate_limits")
def restate() -> bool:
    """Tell the figures again once a limit, or what places trades under it, has changed; tell whether one had."""
    return restate_limits(now=utc_now(), actor=system("recompute_limits"))


@shared_task(name="risk.expire_reservations")
def expire() -> int:
    """Give back what reservations hold whose time is over; return how many."""
    done = 0
    while expired := expire_reservations(now=utc_now(), actor=system("reservations")):
        done += expired
        if expired < EXPIRED_AT_ONCE:
            break
    return done


@shared_task(name="risk.enforce_stops")
def enforce() -> int:
    """Hold what slipped past a stop while it was made, and send on what a lifted one held; return how many."""
    return enforce_stops(now=utc_now(), actor=system("stops"))
