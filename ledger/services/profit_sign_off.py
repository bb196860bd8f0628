"""A day's profit is signed off book by book, by two people; what they sign is one run, which never changes.

A later run of the day leaves the signature where it is: beside it stands what the day says now, until two people sign
that too.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.http.problem import Problem, not_found
from core.ids import TRADE, public_id
from core.models import Proposal
from core.text import text_faults
from ledger.models import ProfitSignOff
from ledger.selectors.profit import PARTS, find_run, total_of
from ledger.selectors.profit_figures import flags_of
from ledger.selectors.profit_review import books_of, trades_after, was_adjusted_after
from ledger.services.profit_adjustments import subject_number
from ledger.services.profit_run import lock_profit

KIND = "profit_sign_off"
SUBJECT = "profit-sign-off"
_TRADES_NAMED = 10
_OF_OTHER_RUNS = """
SELECT id FROM core_proposal
WHERE kind = %s AND subject = %s AND subject_id = %s AND state = 'PENDING' AND (content->>'run_id')::bigint <> %s
"""


def propose_sign_off(
    *, day: date, run: int, book: str, reason: str, user: AbstractBaseUser, now: datetime, actor: Actor
) -> int:
    """Prepare the sign-off of what a run of a day, by its number, says of a book; return the proposal's id.

    Problem 422 without a reason, 404 for no such run or no such book in it, and 409 while it cannot be signed: the day
    has not ended or has been told again, the day before has, trades or adjustments have come since, flags are open, or
    it is signed.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "This cannot be signed off like this.", faults=faults)
    with transaction.atomic():
        lock_profit()
        found = find_run(day=day, number=run)
        if found is None:
            raise not_found("run")
        state = _require_signable(found, book)
        subject_id = subject_number(KIND, day, book)
        _void_others(subject_id, found["id"], now, actor)
        total, before = total_of(run_id=found["id"], book=book), state["signed_run_id"]
        signed = None if before is None else total_of(run_id=before, book=book)
        accepted = [each for each in flags_of(run_id=found["id"], book=book) if each["accepted"]]
        content: dict[str, Any] = {
            "day": day.isoformat(),
            "run": run,
            "run_id": found["id"],
            "book": book,
            "total": four_eyes.amount_text(total["total"]),
            "parts": _parts(total, signed),
            "before": signed and {"run": state["signed_run"], "total": four_eyes.amount_text(signed["total"])},
            "told_again_because": found["reason"],
            "accepted": [
                {"of": each["instrument"] or each["currency"], "flag": each["flag"], "reason": each["accepted"]}
                for each in accepted
            ],
        }  # fmt: skip
        return four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=subject_id,
            content=content,
            user=user,
            reason=reason,
            now=now,
            actor=actor,
        )


def _parts(total: dict[str, Any], signed: dict[str, Any] | None) -> list[dict[str, str | None]]:
    """Return what a content says of each part: what would be signed, and what was signed before, if anything was."""
    return [
        {
            "part": name,
            "now": four_eyes.amount_text(total[name]),
            "signed": None if signed is None else four_eyes.amount_text(signed[name]),
        }
        for name in PARTS
    ]


def _void_others(subject_id: int, run_id: int, now: datetime, actor: Actor) -> None:
    """Void what waits for the book and day and is of another run: nobody can sign that any more."""
    ids = [number for (number,) in sql.rows(_OF_OTHER_RUNS, [KIND, SUBJECT, subject_id, run_id])]
    four_eyes.void(proposal_ids=ids, reason="The day has been told again since.", now=now, actor=actor)


def apply_sign_off(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Sign what was shown: the very run that was proposed. Problem 409 as `propose_sign_off` refuses."""
    content = proposal.content
    found = find_run(day=date.fromisoformat(content["day"]), number=content["run"])
    if found is None or found["id"] != content["run_id"]:
        raise Problem(409, "figures-changed", "These figures are there no more.")
    state = _require_signable(found, content["book"])
    made = ProfitSignOff.objects.create(
        run_id=found["id"], book_id=state["book_id"], proposal_id=proposal.id, signed_at=at
    )
    record(
        type="profit.signed_off",
        subject="profit-run",
        ids=[found["id"]],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={
            "book": content["book"],
            "total": content["total"],
            "sign_off": made.id,
            "proposal_id": proposal.id,
        },
    )


def lock_sign_off(subject_id: int) -> None:
    """Take turns with whoever tells a day, so that the run that is signed is the latest one."""
    lock_profit()


def _require_signable(run: dict[str, Any], book: str) -> dict[str, Any]:
    """Return a book of a run that can be signed off, by whoever holds the lock; Problem 409 says why it cannot."""
    if run["kind"] != "CLOSE":
        raise _refused("day-not-ended", "The day has not been told to its end.")
    latest = find_run(day=run["day"])
    if latest is None or latest["id"] != run["id"]:
        raise _refused("figures-changed", "The day has been told again since; look at what it says now.")
    if run["is_opening_restated"]:
        raise _refused("opening-restated", "The day before has been told again; tell this one again first.")
    books = books_of(run=run, book=book, limit=1)
    if not books:
        raise not_found("book")
    (state,) = books
    if state["is_signed"]:
        raise _refused("signed-off", "This has been signed off already.")
    if state["open_flags"]:
        count = state["open_flags"]
        raise _refused(
            "open-flags", "Flags are open.", f"{count} of the prices and rates behind it must be accepted."
        )
    if came := trades_after(run_id=run["id"], book_id=state["book_id"], limit=_TRADES_NAMED):
        named = ", ".join(public_id(TRADE, number) for number in sorted(each["trade_id"] for each in came))
        raise _refused(
            "trades-came", "Trades have come or changed since; tell the day again.", f"Among them {named}."
        )
    if was_adjusted_after(run_id=run["id"], book_id=state["book_id"]):
        raise _refused("adjusted", "The book has been adjusted since; tell the day again.")
    return state


def _refused(code: str, title: str, detail: str = "") -> Problem:
    return Problem(409, code, title, detail=detail)
