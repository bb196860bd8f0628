"""The closing of an entity's books up to a day: proposed, and done by a second person. They are not opened again."""

from __future__ import annotations

from datetime import date, datetime

from django.contrib.auth.base_user import AbstractBaseUser

from core import four_eyes
from core.audit import Actor, record
from core.clock import business_date
from core.http.problem import Fault, Problem
from core.models import Proposal
from core.text import text_faults
from ledger.models import PeriodClosing
from ledger.selectors.journal import closed_through, entity_id_of
from ledger.services.posting_journal import catch_up, lock_journal

KIND = "ledger_period"
SUBJECT = "ledger_period"  # its id is the entity's


def propose_closing(
    *,
    entity: str,
    through: date,
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose to close the books of an entity up to and with a day that is over; return the proposal's id.

    Problem 422 with every fault, 409 when another proposal for the entity waits.
    """
    entity_id = entity_id_of(entity)
    faults = text_faults(reason, pointer="/reason")
    if through >= business_date(now):
        faults.append(Fault("/closed_through", "Only days that are over can be closed.", "range"))
    if entity_id is None:
        faults.append(Fault("/entity", "No book is of an entity of this code.", "unknown"))
        raise _invalid(faults)
    before = closed_through(entity_id)
    if before is not None and through <= before:
        faults.append(Fault("/closed_through", f"The books are closed through {before} already.", "range"))
    if faults:
        raise _invalid(faults)
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=entity_id,
        content={
            "code": entity,
            "closed_before": None if before is None else before.isoformat(),
            "closed_through": through.isoformat(),
        },
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def _invalid(faults: list[Fault]) -> Problem:
    return Problem(422, "invalid", "The books cannot be closed so.", faults=faults)


def lock_books(_: int) -> None:
    """Lock what an approval closes: nothing is posted meanwhile."""
    lock_journal()


def apply_closing(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Close the books as an approved proposal says, with all in them that is known by now; Problem 409 when they are
    closed further by now, or more waits to be posted than one can wait for."""
    through = date.fromisoformat(proposal.content["closed_through"])
    before = closed_through(proposal.subject_id)
    if before is not None and through <= before:
        raise Problem(409, "books-closed", f"The books are closed through {before} already.")
    if not catch_up(now=at):
        raise Problem(409, "journal-behind", "The journal is behind: approve it again once it has caught up.")
    PeriodClosing(
        entity_id=proposal.subject_id, closed_through=through, proposal_id=proposal.id, approved_at=at
    ).save(force_insert=True)
    record(
        type="ledger_period.closed",
        subject=SUBJECT,
        ids=[proposal.subject_id],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={
            "entity": proposal.content["code"],
            "closed_through": through,
            "proposal_id": proposal.id,
        },
    )
