"""The worker's side of the record."""

from __future__ import annotations

import time

from celery import shared_task

from core import work
from core.audit import system
from core.clock import utc_now
from core.wake import wake_on_commit
from trades.services import bulk_run, confirmation_ageing, confirmation_mail, confirmation_matching, release
from trades.services.attention import escalate_due, return_snoozed
from trades.services.early import apply_queued
from trades.services.kept import TASK


@shared_task(name=TASK)
def apply_early_changes() -> int:
    """Apply changes whose deals came at the same moment; return how many were looked at."""
    return work.until_none(lambda: apply_queued(now=utc_now()))


def _finder(kind: str) -> None:
    """Make the task that looks for what waits for a kind of reference data."""

    @shared_task(name=release.task_of(kind))
    def find_held() -> int:
        return work.until_none(lambda: release.find_held(kind=kind, now=utc_now()))


for _kind in release.NAMES:
    _finder(_kind)


@shared_task(name=release.TASK)
def release_held() -> int:
    """Send queued trades to the checks again until none waits; return how many were looked at."""
    return work.until_none(lambda: release.release_queued(now=utc_now()))


@shared_task(name=confirmation_matching.TASK)
def match_confirmations() -> int:
    """Match again what counterparties confirm of trades that have changed; return how many trades were looked at."""
    return work.until_none(lambda: confirmation_matching.match_queued(now=utc_now()))


@shared_task(name="trades.match_unmatched")
def match_unmatched() -> int:
    """Look again for trades of confirmations that have none; return how many confirmations."""
    return confirmation_matching.match_unmatched(now=utc_now())


@shared_task(name="trades.remind_of_confirmations")
def remind_of_confirmations() -> int:
    """Remind of the confirmations that are overdue, and let changed policies reach the trades that there are already;
    return how many trades were looked at. It is short: what is left over is for the next minute."""
    now = utc_now()
    return confirmation_ageing.spread_policies(now=now) + confirmation_ageing.remind_overdue(now=now)


@shared_task(name=confirmation_mail.TASK)
def send_confirmation_mails() -> int:
    """Send mails to counterparties until none waits or the turn is over; return how many were looked at.

    A server that cannot be reached takes long for each: the turn ends by the time, so that nothing else waits for it.
    """
    count, ends = 0, time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends and confirmation_mail.send_next(now=utc_now()):
        count += 1
    return count


@shared_task(name="trades.watch_exceptions")
def watch_exceptions() -> int:
    """Escalate what comes near its deadline, and say what is back that was snoozed; return how many items."""
    now, actor = utc_now(), system("desk")
    return escalate_due(now=now, actor=actor) + return_snoozed(now=now, actor=actor)


TURN_SECONDS = 20  # of mails
BULK_SECONDS = 5  # of one turn: what sends trades on waits behind it


@shared_task(name=bulk_run.TASK)
def bulk_runs() -> int:
    """Go on with the bulk runs that wait, until none does or the turn is over; return how many chunks were done."""
    done, ends = 0, time.monotonic() + BULK_SECONDS
    while bulk_run.advance_runs(now=utc_now()):
        done += 1
        if time.monotonic() >= ends:
            wake_on_commit(bulk_run.TASK)
            break
    return done


@shared_task(name="trades.forget_bulk_items")
def forget_bulk_items() -> int:
    """Delete the items that bulk runs of long ago name; return how many."""
    return bulk_run.forget_named_items(now=utc_now())
