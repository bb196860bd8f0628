"""What an entity's general ledger calls the accounts of the journal: proposed, and set by a second person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from core import four_eyes
from core.audit import Actor, record
from core.http.problem import Fault, Problem
from core.models import Proposal
from core.text import text_faults
from ledger.accounts import CHART
from ledger.models import AccountName
from ledger.selectors.journal import entity_id_of, names_of
from ledger.services.posting_journal import lock_journal

KIND = "ledger_accounts"
SUBJECT = "ledger_accounts"  # its id is the entity's
_NAME_MAX = 100
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,34}")
_CODES = frozenset(each.code.value for each in CHART)


@dataclass(frozen=True, slots=True)
class Named:
    """An account of the chart as a general ledger calls it."""

    account: str
    number: str
    name: str


def propose_accounts(
    *,
    entity: str,
    accounts: Sequence[Named],
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose what accounts are called in the general ledger of an entity; return the proposal's id.

    The others stay as they are. Problem 422 with every fault, 409 when nothing would change or another proposal for
    the entity waits.
    """
    entity_id = entity_id_of(entity)
    faults = [*text_faults(reason, pointer="/reason"), *_faults(accounts)]
    if entity_id is None:
        faults.append(Fault("/entity", "No book is of an entity of this code.", "unknown"))
    if entity_id is None or faults:
        raise Problem(422, "invalid", "The accounts cannot be called so.", faults=faults)
    before = names_of(entity_id)
    changed = [
        {**asdict(each), "before": before[each.account]}
        for each in accounts
        if before[each.account] != {"number": each.number, "name": each.name}
    ]
    if not changed:
        raise Problem(409, "nothing-changes", "The accounts are called so already.")
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=entity_id,
        content={"code": entity, "accounts": changed},
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def _faults(accounts: Sequence[Named]) -> Iterator[Fault]:
    if not 1 <= len(accounts) <= len(CHART):
        yield Fault("/accounts", f"From 1 to {len(CHART)} accounts.", "length")
    seen: set[str] = set()
    for at, each in enumerate(accounts):
        if each.account not in _CODES:
            yield Fault(f"/accounts/{at}/account", f"One of {', '.join(sorted(_CODES))}.", "unknown")
        if each.account in seen:
            yield Fault(f"/accounts/{at}/account", "This account stands here twice.", "repeated")
        seen.add(each.account)
        if not _NUMBER.fullmatch(each.number):
            yield Fault(f"/accounts/{at}/number", "Up to 35 letters, digits, dots, dashes and slashes.")
        yield from text_faults(each.name, pointer=f"/accounts/{at}/name", most=_NAME_MAX)


def lock_accounts(_: int) -> None:
    """Lock what an approval sets: with the journal, which it is for."""
    lock_journal()


def apply_accounts(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store what an approved proposal says; Problem 409 when it says otherwise by now than when it was proposed."""
    content: Mapping[str, Any] = proposal.content
    now_called = names_of(proposal.subject_id)
    if any(now_called[each["account"]] != each["before"] for each in content["accounts"]):
        raise Problem(409, "accounts-changed", "The accounts are no longer called as when this was proposed.")
    said = [Named(**{name: each[name] for name in Named.__slots__}) for each in content["accounts"]]
    for each in said:
        version = AccountName.objects.filter(entity_id=proposal.subject_id, account=each.account).count() + 1
        AccountName(
            entity_id=proposal.subject_id,
            version=version,
            proposal_id=proposal.id,
            approved_at=at,
            **asdict(each),
        ).save(force_insert=True)
    record(
        type="ledger_accounts.set",
        subject=SUBJECT,
        ids=[proposal.subject_id],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={
            "entity": content["code"],
            "proposal_id": proposal.id,
            "accounts": [asdict(each) for each in said],
        },
    )
