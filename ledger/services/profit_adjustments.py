"""Amounts that two people add to a book's profit from a day on, until the day on which they reverse themselves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser

from core import four_eyes, sql
from core.audit import Actor, record
from core.clock import business_date
from core.http.problem import Fault, Problem
from core.models import Proposal
from core.money import is_currency, minor_units, round_money
from core.text import text_faults
from ledger.models import ProfitAdjustment
from ledger.services.profit_run import lock_profit
from refdata.models import Book, Instrument

KIND = "profit_adjustment"
SUBJECT = "profit-adjustment"
DAYS_MAX = 366
_AMOUNT_MAX = Decimal(10) ** 15
_INVALID = "This cannot be an adjustment."
_RATE = "SELECT rate FROM refdata_fx_rate WHERE currency = %s AND date <= %s ORDER BY date DESC LIMIT 1"
_SAME = """
SELECT FROM ledger_profit_adjustment
WHERE book_id = %s AND instrument_id = %s AND currency = %s AND amount = %s AND valid_from = %s AND reverses_on = %s
"""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is added: an amount above or below zero, to a book, of an instrument or of none (""), from a day on."""

    book: str
    instrument: str
    currency: str
    amount: Decimal
    valid_from: date
    reverses_on: date


def subject_number(*parts: object) -> int:
    """Return the number that stands for what a proposal is about, so that only one of it waits at a time."""
    digest = hashlib.sha256("\0".join(str(each) for each in parts).encode()).hexdigest()
    return int(digest[:15], 16)


def propose_adjustment(
    *,
    adjustment: Adjustment,
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose an adjustment; return the proposal's id.

    Problem 422 with every fault; 409 where the same one waits or was made already.
    """
    faults = text_faults(reason, pointer="/reason") + _faults(adjustment, business_date(now))
    if faults:
        raise Problem(422, "invalid", _INVALID, faults=faults)
    book_id, instrument_id = _ids(adjustment)
    _require_new(adjustment, book_id, instrument_id)
    content: dict[str, Any] = {
        "book": adjustment.book,
        "instrument": adjustment.instrument,
        "currency": adjustment.currency,
        "adjustment": format(round_money(adjustment.amount, adjustment.currency), "f"),  # 1250 is 1250.00
        "amount": four_eyes.amount_text(_at_stake(adjustment, now)),
        "valid_from": adjustment.valid_from.isoformat(),
        "reverses_on": adjustment.reverses_on.isoformat(),
    }
    said = [value for name, value in content.items() if name != "amount"]
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=subject_number(KIND, *said),
        content=content,
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
        typed=None,  # whoever proposes has just typed the amount in
    )


def apply_adjustment(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store an approved adjustment; the next run that is told has it.

    Problem 409 where it would have reversed itself by now, or the same one was made meanwhile.
    """
    content = proposal.content
    adjustment = Adjustment(
        book=content["book"],
        instrument=content["instrument"],
        currency=content["currency"],
        amount=Decimal(content["adjustment"]),
        valid_from=date.fromisoformat(content["valid_from"]),
        reverses_on=date.fromisoformat(content["reverses_on"]),
    )
    if adjustment.reverses_on <= business_date(at):
        raise Problem(409, "adjustment-over", "The day on which this would reverse itself has come.")
    book_id, instrument_id = _ids(adjustment)
    _require_new(adjustment, book_id, instrument_id)
    made = ProfitAdjustment.objects.create(
        book_id=book_id,
        instrument_id=instrument_id,
        currency=adjustment.currency,
        amount=adjustment.amount,
        valid_from=adjustment.valid_from,
        reverses_on=adjustment.reverses_on,
        reason=proposal.reason,
        proposal_id=proposal.id,
        approved_at=at,
    )
    record(
        type="profit.adjusted",
        subject=SUBJECT,
        ids=[made.id],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={**content, "proposal_id": proposal.id},
    )


def lock_adjustments(subject_id: int) -> None:
    """Take turns with whoever tells a day, so that an adjustment is in a run or in the next one."""
    lock_profit()


def _faults(adjustment: Adjustment, today: date) -> list[Fault]:
    faults = []
    if not Book.objects.filter(code=adjustment.book).exists():
        faults.append(Fault("/book", "There is no book of this code.", "unknown"))
    if adjustment.instrument and not Instrument.objects.filter(code=adjustment.instrument).exists():
        faults.append(Fault("/instrument", "There is no instrument of this code.", "unknown"))
    faults += _amount_faults(adjustment)
    lasts = (adjustment.reverses_on - adjustment.valid_from).days
    if not 0 < lasts <= DAYS_MAX:
        faults.append(Fault("/reverses_on", f"From 1 to {DAYS_MAX} days after its first day.", "range"))
    elif adjustment.reverses_on <= today:
        faults.append(Fault("/reverses_on", "A day to come: on it the adjustment reverses itself.", "range"))
    return faults


def _amount_faults(adjustment: Adjustment) -> list[Fault]:
    if not is_currency(adjustment.currency):
        return [Fault("/currency", "ISO 4217 lists no such currency.", "unknown")]
    if not adjustment.amount.is_finite() or not 0 < abs(adjustment.amount) < _AMOUNT_MAX:
        return [Fault("/amount", "An amount other than nought, of up to 15 digits.", "range")]
    if round_money(adjustment.amount, adjustment.currency) != adjustment.amount:
        digits = minor_units(adjustment.currency)
        return [Fault("/amount", f"At most {digits} decimals in {adjustment.currency}.", "precision")]
    return []


def _ids(adjustment: Adjustment) -> tuple[int, int]:
    book_id = Book.objects.values_list("id", flat=True).get(code=adjustment.book)
    if not adjustment.instrument:
        return book_id, 0
    return book_id, Instrument.objects.values_list("id", flat=True).get(code=adjustment.instrument)


def _require_new(adjustment: Adjustment, book_id: int, instrument_id: int) -> None:
    said = (adjustment.currency, adjustment.amount, adjustment.valid_from, adjustment.reverses_on)
    if sql.rows(_SAME, [book_id, instrument_id, *said]):
        raise Problem(409, "same-adjustment", "The same adjustment has been made already.")


def _at_stake(adjustment: Adjustment, now: datetime) -> Decimal | None:
    """Return the size of an adjustment in base currency, None where there is no rate."""
    if adjustment.currency == settings.BASE_CURRENCY:
        return abs(adjustment.amount)
    found = sql.row(_RATE, [adjustment.currency, business_date(now)])
    return abs(adjustment.amount) * found[0] if found else None
