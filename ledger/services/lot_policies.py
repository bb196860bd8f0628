"""How a book counts its lots, from a day on: proposed, and set by a second person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from core import four_eyes
from core.audit import Actor, record
from core.http.problem import Fault, Problem
from core.models import Proposal
from core.text import text_faults
from ledger.lots import Method
from ledger.models import LotPolicy
from ledger.services.posting import retell_later
from refdata.models import Book

KIND = "lot_policy"
SUBJECT = "lot_policy"  # its id is the book's
METHODS = tuple(each.value for each in Method)


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """How a book counts. opens_short: what is sold beyond what is held opens a short, else it is refused."""

    method: str
    opens_short: bool
    with_fees: bool


_DEFAULT = PolicyTerms(Method.FIFO.value, opens_short=True, with_fees=False)


def policy_on(book: str, day: date) -> PolicyTerms:
    """Return how a book counts the trades of a day, by what has been set."""
    found = (
        LotPolicy.objects.filter(book_id__in=Book.objects.filter(code=book).values("id"), valid_from__lte=day)
        .order_by("-version")
        .first()
    )
    return PolicyTerms(found.method, found.opens_short, found.with_fees) if found else _DEFAULT


def propose_policy(
    *,
    book: str,
    terms: PolicyTerms,
    valid_from: date,
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose how a book counts trades from a day on, which may have passed; return the proposal's id.

    Problem 422 with every fault, 409 when nothing would change or another proposal for the book waits.
    """
    found = Book.objects.filter(code=book).first()
    faults = text_faults(reason, pointer="/reason")
    if terms.method not in METHODS:
        faults.append(Fault("/method", f"One of {', '.join(METHODS)}.", "unknown"))
    if found is None:
        faults.append(Fault("/book", "There is no book of this code.", "unknown"))
    if found is None or faults:
        raise Problem(422, "invalid", "This cannot be how a book counts.", faults=faults)
    before = policy_on(book, valid_from)
    if before == terms:
        raise Problem(409, "nothing-changes", "The book counts so already.")
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=found.id,
        content={
            "code": book, "before": asdict(before), "after": asdict(terms), "valid_from": valid_from.isoformat(),
        },
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )  # fmt: skip


def apply_policy(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the version of an approved proposal; the book's lots are told again soon.

    Problem 409 when the book counts otherwise by now than when it was proposed.
    """
    content: Mapping[str, Any] = proposal.content
    terms, valid_from = PolicyTerms(**content["after"]), date.fromisoformat(content["valid_from"])
    if asdict(policy_on(content["code"], valid_from)) != content["before"]:
        raise Problem(409, "policy-changed", "The book no longer counts as when this was proposed.")
    version = LotPolicy.objects.filter(book_id=proposal.subject_id).count() + 1
    LotPolicy(
        book_id=proposal.subject_id,
        version=version,
        valid_from=valid_from,
        proposal_id=proposal.id,
        approved_at=at,
        **asdict(terms),
    ).save(force_insert=True)
    retell_later(book_id=proposal.subject_id)
    record(
        type="lot_policy.set",
        subject=SUBJECT,
        ids=[proposal.subject_id],
        versions=[version],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={"book": content["code"], "valid_from": valid_from, "proposal_id": proposal.id, **asdict(terms)},
    )
