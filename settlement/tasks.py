"""The workers' side of settlement."""

from __future__ import annotations

import logging
import time

from celery import shared_task

from core import work
from core.audit import system
from core.clock import utc_now
from core.wake import wake_on_commit
from settlement.services import invoice, pinned
from settlement.services.advance import TASK, advance_queued
from settlement.services.hold import expire_holds
from settlement.services.invoice_tie_out import tie_out_invoices as tie_out_bills
from settlement.services.penalise import accrue_penalties as penalise
from settlement.services.seal_due import seal_due as seal_what_is_due
from settlement.services.seal_records import seal_records as seal_what_waits
from settlement.services.tie_out import tie_out_fees as tie_out

_log = logging.getLogger(__name__)

TURN_SECONDS = 20  # then the next message goes on, so that a stop or a deploy never waits long


@shared_task(name=TASK)
def advance() -> int:
    """Advance trades until no instruction waits or the turn is over; return how many instructions."""
    done = 0
    ends = time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends:
        claimed = advance_queued(now=utc_now(), actor=system("settlement"))
        done += claimed
        if not claimed:
            return done
    if work.waiting(TASK):
        wake_on_commit(TASK)
    return done


@shared_task(name=invoice.TASK)
def bill() -> int:
    """Bill trades until none waits or the turn is over; return how many trades."""
    done = 0
    ends = time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends:
        claimed = invoice.bill_queued(now=utc_now(), actor=system("invoices"))
        done += claimed
        if not claimed:
            return done
    if work.waiting(invoice.TASK):
        wake_on_commit(invoice.TASK)
    return done


@shared_task(name="settlement.bill_due")
def bill_due() -> int:
    """Bill the services whose day has come and the charges that are due; return the number of documents."""
    return invoice.bill_due(now=utc_now(), actor=system("invoices"))


@shared_task(name="settlement.seal_due")
def seal_due() -> int:
    """Seal what is due and past its cut-off; return the number of batches."""
    return len(seal_what_is_due(now=utc_now(), actor=system("cut-off")))


@shared_task(name="settlement.seal_records")
def seal_records() -> int:
    """Seal the records of other apps until none waits to leave or the turn is over; return the number of batches."""
    ends = time.monotonic() + TURN_SECONDS
    sealed = seal_what_waits(now=utc_now(), actor=system("hand-off"), goes_on=lambda: time.monotonic() < ends)
    return len(sealed)


@shared_task(name="settlement.expire_holds")
def expire() -> int:
    """End the holds whose last day is over; return how many."""
    return work.until_none(lambda: expire_holds(now=utc_now(), actor=system("holds")))


@shared_task(name="settlement.tie_out_fees")
def tie_out_fees() -> int:
    """Tie the accrued charges out against the deals, and accrue anew what does not; return the number of breaks."""
    breaks = tie_out(correct=True, now=utc_now(), actor=system("tie-out"))
    for each in breaks:
        _log.warning("tie-out: %s", each)
    return len(breaks)


@shared_task(name="settlement.tie_out_invoices")
def tie_out_invoices() -> int:
    """Tie the invoices out, bill and credit what does not; return the number of breaks."""
    breaks = tie_out_bills(correct=True, now=utc_now(), actor=system("tie-out"))
    for each in breaks:
        _log.warning("tie-out of invoices: %s", each)
    return len(breaks)


@shared_task(name="settlement.accrue_penalties")
def accrue_penalties() -> int:
    """Tell what fails have cost up to yesterday; return how many rows that took."""
    return penalise(now=utc_now())


@shared_task(name=pinned.TASK)
def watch_pins() -> int:
    """Look for what is sealed with an SSI that is no longer the choice, and close what is answered; return how many
    SSIs were looked at."""
    actor = system("settlement")
    looked = work.until_none(lambda: pinned.watch_queued(now=utc_now(), actor=actor))
    pinned.close_answered(now=utc_now(), actor=actor)
    return looked
