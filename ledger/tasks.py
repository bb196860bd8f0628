"""The worker's side of the ledger."""

from __future__ import annotations

import logging
import time

from celery import shared_task

from core import work
from core.audit import system
from core.clock import business_date, utc_now
from ledger.services import posting, posting_journal, runs, verify, verify_journal
from ledger.services.profit_run import refresh_profit
from ledger.services.verify_totals import verify_totals

_log = logging.getLogger(__name__)

TURN_SECONDS = 20  # then the next message goes on, so that a stop or a deploy never waits long


@shared_task(name=posting.TASK)
def post_positions() -> int:
    """Let the positions follow the trades until none has changed or the turn is over; return how many."""
    done, ends = 0, time.monotonic() + TURN_SECONDS
    actor = system("positions")
    while time.monotonic() < ends and (posted := posting.post_changed(now=utc_now(), actor=actor)):
        done += posted
    while time.monotonic() < ends and posting.post_due(now=utc_now(), actor=actor):
        pass
    return done


@shared_task(name=posting_journal.TASK)
def post_journal() -> int:
    """Let the journal follow positions and lots until nothing is due or the turn is over; return how many changes."""
    done, ends = 0, time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends and (posted := posting_journal.post_due(now=utc_now())):
        done += posted
    return done


@shared_task(name=runs.TASK)
def reconcile() -> int:
    """Do the runs that wait; return how many were looked at."""
    actor = system("reconciliation")
    return work.until_none(lambda: runs.run_queued(actor=actor, now=utc_now()))


@shared_task(name="ledger.ask_due_runs")
def ask_due_runs() -> int:
    """Ask for the runs of reconciliations whose time of the day has come; return how many."""
    return len(runs.ask_due_runs(actor=system("schedule"), now=utc_now()))


@shared_task(name=verify.TASK)
def verify_positions() -> int:
    """Tell every position again from the trades and put right what differs; return how many figures did."""
    return len(verify.verify_positions(now=utc_now(), actor=system("verify_positions"), correct=True))


@shared_task(name=verify_journal.TASK)
def verify_balances() -> int:
    """Compare the journal with what is held, and its totals with its lines, and put right what differs; return how many
    balances and totals did."""
    actor = system("verify_journal")
    wrong = verify_journal.verify_journal(now=utc_now(), actor=actor, correct=True)
    totals = verify_totals(now=utc_now(), actor=actor, correct=True)
    for each in totals:
        _log.error("a total of the journal was wrong: %s", each)
    return len(wrong) + len(totals)


@shared_task(name="ledger.refresh_profit")
def refresh_profit_of_today() -> bool:
    """Tell today's profit anew where trades have moved since it was told; return whether it was."""
    now = utc_now()
    return refresh_profit(day=business_date(now), now=now, actor=system("profit")) is not None
