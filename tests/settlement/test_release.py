"""Above an amount of its channel a sealed batch leaves only when two people let it go."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from core import four_eyes, sql
from core.audit import Actor
from core.http.problem import Problem
from core.ids import BATCH, public_id
from settlement.models import Channel
from settlement.services.recall_batch import recall_batch
from settlement.services.release import (
    KIND,
    approve_release,
    propose_release,
)
from tests.settlement.support import LATER, BackOffice, batch_of, everything, seal, validated
from tests.support.factories import equity, world
from tests.support.records import CLERK, NOW, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker(db: None) -> User:
    return person("maker")


@pytest.fixture
def checker(db: None) -> User:
    return person("checker")


def sealed(release_from: str | None, *, deals: int = 2) -> int:
    """Seal deals while CASH has a threshold; return its batch."""
    world()
    Channel.objects.filter(code="CASH").update(release_from=release_from)
    validated(*(equity(f"E-{n}") for n in range(deals)))
    seal()
    return batch_of("CASH")


def amount_of_trades() -> Decimal:
    ((amount,),) = sql.rows("SELECT sum(base_amount) FROM trades_version")
    return Decimal(amount)


def count_of(batch_id: int) -> int:
    return int(sql.rows("SELECT instruction_count FROM settlement_batch WHERE id = %s", [batch_id])[0][0])


def propose(batch_id: int, user: User, *, count: str = "", reason: str = "agreed with the desk") -> int:
    return propose_release(
        batch_id=batch_id,
        count=count or str(count_of(batch_id)),
        reason=reason,
        user=user,
        actor=CLERK,
        now=NOW,
    )


def decide(service, proposal_id: int, user: User, **typed: str):
    return service(
        proposal_id=proposal_id, user=user, note="seen", actor=Actor(f"user:{user}"), now=LATER, **typed
    )


def refused(call, *arguments, **named) -> tuple[int, str, list[str]]:
    before = everything(), sql.rows("SELECT id, state FROM core_proposal ORDER BY id")
    with pytest.raises(Problem) as problem:
        call(*arguments, **named)
    assert (everything(), sql.rows("SELECT id, state FROM core_proposal ORDER BY id")) == before
    return problem.value.status, problem.value.code, [each.pointer for each in problem.value.faults]


def shown(batch_id: int) -> dict:
    return BackOffice(f"reader of {batch_id}").get(f"settlement-batches/{public_id(BATCH, batch_id)}").json()


def test_without_a_threshold_a_batch_leaves_by_itself():
    batch_id = sealed(None)
    assert shown(batch_id)["release"] is None
    assert BackOffice().claim(batch_id).status_code == 201


def test_below_the_threshold_it_leaves_and_from_it_on_it_waits():
    first = sealed("0.01")
    assert shown(first)["release"] == {"amount": f"{amount_of_trades():.2f}", "released_at": None}
    Channel.objects.filter(code="CASH").update(release_from=amount_of_trades())
    validated(equity("E-9"))  # less than all before together
    seal("CASH")
    ((second,),) = sql.rows("SELECT max(id) FROM settlement_batch")
    assert shown(second)["release"] is None


def test_exactly_the_threshold_waits_and_a_cent_more_does_not():
    world()
    validated(equity("E-1"))
    Channel.objects.filter(code="CASH").update(release_from=amount_of_trades())
    Channel.objects.filter(code="SECURITIES").update(release_from=amount_of_trades() + Decimal("0.01"))
    seal()
    waiting = "SELECT b.channel_id FROM settlement_release r JOIN settlement_batch b ON b.id = r.batch_id"
    assert sql.rows(waiting) == [("CASH",)]


def test_what_waits_is_neither_claimed_nor_pulled_nor_given_as_the_next():
    batch_id = sealed("0")
    office = BackOffice()
    assert (office.claim(batch_id).status_code, office.claim(batch_id).json()["code"]) == (
        409,
        "batch-not-released",
    )
    pull = office.get(f"settlement-batches/{public_id(BATCH, batch_id)}/instructions")
    assert (pull.status_code, pull.json()["code"]) == (409, "batch-not-released")
    assert office.post("settlement-claims", {"channel": "CASH"}).json()["code"] == "nothing-to-claim"


def test_it_leaves_once_a_second_person_has_typed_the_count_too(maker, checker):
    batch_id = sealed("0")
    proposal_id = propose(batch_id, maker)
    assert (
        refused(decide, approve_release, proposal_id, maker, typed=str(count_of(batch_id)))[1]
        == "own-proposal"
    )
    decide(approve_release, proposal_id, checker, typed=f" {count_of(batch_id)} ")
    assert shown(batch_id)["release"]["released_at"] == LATER.isoformat().replace("+00:00", "Z")
    assert BackOffice().claim(batch_id).status_code == 201
    told = "SELECT type, actor FROM core_event WHERE type LIKE 'batch.%%release%%' ORDER BY id"
    assert sql.rows(told) == [
        ("batch.awaits_release", "user:sealer"),
        ("batch.release_approved", "user:checker"),
    ]
    assert sql.rows("SELECT released_at FROM settlement_batch_progress ORDER BY id LIMIT 1") == [(LATER,)]


@pytest.mark.parametrize("typed", ["", "  ", "2", "one", "1.0", "-1"])
def test_another_count_is_refused_of_both(maker, checker, typed):
    batch_id = sealed("0")
    assert count_of(batch_id) == 1
    assert refused(propose, batch_id, maker, count=typed or " ") == (422, "invalid", ["/count"])
    proposal_id = propose(batch_id, maker)
    assert refused(decide, approve_release, proposal_id, checker, typed=typed) == (422, "invalid", ["/count"])


def test_what_is_declined_or_withdrawn_waits_on_and_may_be_asked_for_again(maker, checker):
    batch_id = sealed("0")
    decide(partial(four_eyes.decline, kind=KIND), propose(batch_id, maker), checker)
    decide(partial(four_eyes.withdraw, kind=KIND), propose(batch_id, maker), maker)
    assert BackOffice().claim(batch_id).status_code == 409
    propose(batch_id, maker)
    assert refused(propose, batch_id, checker)[1] == "pending-proposal"


def test_only_what_waits_is_asked_for_and_with_a_reason(maker):
    batch_id = sealed("0")
    assert refused(propose, batch_of("SECURITIES"), maker)[:2] == (409, "not-awaiting-release")
    assert refused(propose, batch_id, maker, reason=" ") == (422, "invalid", ["/reason"])
    assert (
        refused(propose_release, batch_id=999_999, count="1", reason="x", user=maker, actor=CLERK, now=NOW)[0]
        == 404
    )


def test_a_recalled_batch_is_not_released_any_more(maker, checker):
    batch_id = sealed("0")
    proposal_id = propose(batch_id, maker)
    recall_batch(batch_id=batch_id, reason="wrong day", actor=CLERK, now=LATER)
    assert sql.rows("SELECT state FROM core_proposal WHERE id = %s", [proposal_id]) == [("VOID",)]
    assert refused(propose, batch_id, maker)[1] == "not-awaiting-release"


def test_what_is_not_known_in_base_currency_waits():
    world()
    trade_ids = validated(equity("E-1"))
    Channel.objects.update(release_from="1000000000")
    sql.run("SET LOCAL session_replication_role = replica")
    sql.run("UPDATE trades_version SET base_amount = NULL WHERE trade_id = ANY(%s)", [trade_ids])
    sql.run("SET LOCAL session_replication_role = origin")
    seal()
    assert shown(batch_of("CASH"))["release"] == {"amount": None, "released_at": None}


def test_what_had_to_be_released_is_never_changed():
    sealed("0")
    for statement in ("UPDATE settlement_release SET amount = 0", "DELETE FROM settlement_release"):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.run(statement)
