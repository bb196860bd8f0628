"""The worker's side of the checks."""

from __future__ import annotations

import time

from celery import shared_task

from core import work
from core.audit import system
from core.clock import utc_now
from core.wake import wake_on_commit
from risk.services import release
from risk.services.back_test import TASK as BACK_TEST
from risk.services.back_test import advance_back_tests, forget_named_trades
from risk.services.check import BATCH, TASK, check_captured
from risk.services.recompute import TASK as RECOMPUTE
from risk.services.recompute import recompute_limits, restate_limits
from risk.services.reservations import EXPIRED_AT_ONCE, expire_reservations
from risk.services.sizes import TASK as LEARN
from risk.services.sizes import learn_sizes
from risk.services.stops import enforce_stops
from risk.services.use_samples import sample_use
from trades.services.release import release_queued

BACK_TEST_SECONDS = 2  # others wait for the same worker
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


def _finder(kind: release.Kind) -> None:
    """Make the task that looks for what checks, limits or temporary excesses hold that were set otherwise."""

    @shared_task(name=release.task_of(kind))
    def find_held() -> int:
        return work.until_none(lambda: release.find_held(kind=kind, now=utc_now()))


for _kind in release.KINDS:
    _finder(_kind)


@shared_task(name=release.TASK)
def release_held() -> int:
    """Send what checks and limits may hold no longer to the checks again; return how many were looked at."""
    return work.until_none(lambda: release_queued(task=release.TASK, reason=release.REASON, now=utc_now()))


@shared_task(name="risk.expire_reservations")
def expire() -> int:
    """Give back what reservations hold whose time is over; return how many."""
    done = 0
    while expired := expire_reservations(now=utc_now(), actor=system("reservations")):
        done += expired
        if expired < EXPIRED_AT_ONCE:
            break
    return done


@shared_task(name=LEARN)
def learn() -> int:
    """Let the history of sizes follow the trades until none is left or the turn is over; return how many."""
    done, ends = 0, time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends and (learnt := learn_sizes()):
        done += learnt
    return done


@shared_task(name=BACK_TEST)
def back_test() -> int:
    """Go on with the back-tests that wait, until none does or the turn is over; return how many chunks were done."""
    done = 0
    ends = time.monotonic() + BACK_TEST_SECONDS
    while advance_back_tests(now=utc_now()):
        done += 1
        if time.monotonic() >= ends:
            wake_on_commit(BACK_TEST)
            break
    return done


@shared_task(name="risk.forget_back_tests")
def forget_back_tests() -> int:
    """Delete the trades that back-tests of long ago name; return how many."""
    return forget_named_trades(now=utc_now())


@shared_task(name="risk.enforce_stops")
def enforce() -> int:
    """Hold what slipped past a stop while it was made, and send on what a lifted one held; return how many."""
    return enforce_stops(now=utc_now(), actor=system("stops"))


@shared_task(name="risk.sample_use")
def sample() -> int:
    """Keep how full limits are, for their trend; return of how many members."""
    return sample_use(now=utc_now())
