"""A stop holds what comes, takes back what has not left, and is lifted by two people."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from django.db import connections, transaction

from core import four_eyes, sql
from core.audit import Actor, system
from core.http.problem import Problem
from core.models import Event
from risk.models import Stop
from risk.services.stops import enforce_stops, make_stop, propose_lift
from settlement.services.claim import claim_batch, require_free
from tests.settlement.support import seal, state, validate
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    other_connection,
    party,
    trusted_client,
    unit_trade,
    wait_for,
    world,
)
from tests.support.records import LATER, NOW, person
from trades.services.exceptions import NewException, open_exceptions

RITA = Actor("user:rita", "req-stop-1")


def stop(kind: str = "PARTY", key: str = "BROKER-01") -> int:
    return make_stop(kind=kind, key=key, reason="a runaway system", actor=RITA, now=NOW)


def lift(stop_id: int) -> None:
    proposal = propose_lift(stop_id=stop_id, reason="it was fixed", user=person("maker"), actor=RITA, now=NOW)
    four_eyes.approve(
        proposal_id=proposal, user=person("checker"), note="", now=NOW, actor=Actor("user:checker")
    )


def claim(batch_id: int) -> None:
    claim_batch(
        batch_id=batch_id, client=trusted_client("back-office"), lease_seconds=60, actor=RITA, now=NOW
    )


def told(subject: str) -> list[str]:
    return list(Event.objects.filter(subject=subject).order_by("id").values_list("type", flat=True))


@pytest.mark.django_db
class TestAStop:
    @pytest.fixture(autouse=True)
    def _world(self, db):
        world()
        party("OTHER")

    def test_holds_what_is_captured_from_then_on_and_what_was_validated_before(self):
        before, other = checked(unit_trade(0)), checked(unit_trade(1, counterparty="OTHER"))
        stop()
        after = checked(unit_trade(2))
        assert [state(each) for each in (before, after, other)] == ["EXCEPTION", "EXCEPTION", "VALIDATED"]
        assert codes_of(before) == codes_of(after) == ["STOPPED"]
        assert told("stop") == ["stop.made"]

    def test_keeps_what_slipped_past_it_from_being_sealed_and_holds_it_later(self):
        stop()
        slipped, other = captured_ids(unit_trade(0), unit_trade(1, counterparty="OTHER"))
        validate([slipped, other])
        sql.run("DELETE FROM core_work")
        seal()
        assert [state(each) for each in (slipped, other)] == ["VALIDATED", "INSTRUCTED"]
        assert enforce_stops(now=LATER, actor=system("stops")) == 1
        check_everything(now=LATER)
        assert state(slipped) == "EXCEPTION"
        assert enforce_stops(now=LATER, actor=system("stops")) == 0

    def test_pulls_back_the_batches_that_nobody_has_claimed_and_only_those(self):
        checked(unit_trade(0))
        cash, securities = seal()[:2]
        claim(cash)
        checked(unit_trade(1, counterparty="OTHER"))
        others = seal()
        stop_id = stop()
        with pytest.raises(Problem) as refused:
            claim(securities)
        assert (refused.value.status, refused.value.code) == (409, "batch-withheld")
        with pytest.raises(Problem):
            require_free(batch_id=securities)
        require_free(batch_id=cash)
        claim(cash)
        claim(others[0])
        lift(stop_id)
        claim(securities)
        assert [each for each in told("batch") if each != "batch.claimed"] == [
            *["batch.sealed"] * 4, "batch.withheld", "batch.returned",
        ]  # fmt: skip
        assert sql.rows("SELECT batch_id, ended_at IS NOT NULL FROM settlement_withholding") == [
            (securities, True)
        ]

    def test_that_is_lifted_by_two_people_sends_on_what_it_alone_held(self):
        trade_id = checked(unit_trade(0))
        first, second = stop(), stop("TRADER", "jdoe")
        check_everything()
        assert codes_of(trade_id) == ["STOPPED", "STOPPED"]
        lift(first)
        check_everything()
        assert codes_of(trade_id) == ["STOPPED", "STOPPED"]
        sql.run("UPDATE auth_user SET username = username || '-1'")
        lift(second)
        check_everything()
        assert (codes_of(trade_id), state(trade_id)) == ([], "VALIDATED")
        assert told("stop").count("stop.lifted") == 2

    def test_that_is_lifted_leaves_to_people_what_the_back_office_rejected(self):
        stop_id, trade_id = stop(), checked(unit_trade(0))
        rejected = NewException(trade_id, "REJECTION", ["SETTLEMENT_REJECTED"], "rejected")
        open_exceptions(items=[rejected], at=NOW, actor=RITA)
        lift(stop_id)
        check_everything()
        assert (codes_of(trade_id), state(trade_id)) == (["STOPPED"], "EXCEPTION")
        assert enforce_stops(now=LATER, actor=system("stops")) == 0

    def test_is_not_lifted_by_one_person(self):
        maker, stop_id = person("maker"), stop()
        proposal = propose_lift(stop_id=stop_id, reason="it was fixed", user=maker, actor=RITA, now=NOW)
        with pytest.raises(Problem) as own:
            four_eyes.approve(proposal_id=proposal, user=maker, note="", now=NOW, actor=RITA)
        with pytest.raises(Problem) as second:
            propose_lift(stop_id=stop_id, reason="again", user=maker, actor=RITA, now=NOW)
        assert (own.value.status, second.value.status) == (403, 409)
        assert Stop.objects.get().lifted_at is None

    def test_is_made_once(self):
        stop()
        with pytest.raises(Problem) as again:
            stop()
        assert (again.value.status, Stop.objects.count(), told("stop")) == (409, 1, ["stop.made"])

    @pytest.mark.parametrize(
        ("given", "pointers"),
        [
            ({"kind": "DESK"}, ["/kind"]),
            ({"key": "NOBODY"}, ["/key"]),
            ({"kind": "DESK", "key": "", "reason": " "}, ["/kind", "/key", "/reason"]),
            ({"kind": "TRADER", "key": "x" * 65}, ["/key"]),
        ],
    )
    def test_of_nothing_known_is_refused_with_every_fault(self, given, pointers):
        wanted = {"kind": "PARTY", "key": "OTHER", "reason": "x", **given}
        with pytest.raises(Problem) as refused:
            make_stop(**wanted, actor=RITA, now=NOW)
        assert [fault.pointer for fault in refused.value.faults] == pointers
        assert told("stop") == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_a_stop_waits_for_the_seal_under_way_and_pulls_its_batches_back():
    world()
    checked(unit_trade(0))
    sealed: list[int] = []
    go = threading.Event()

    def seal_slowly() -> None:
        with transaction.atomic():
            sealed.extend(seal())
            go.wait(30)
        connections.close_all()

    def stop_it() -> None:
        stop()
        connections.close_all()

    threads = [threading.Thread(target=seal_slowly), threading.Thread(target=stop_it)]
    threads[0].start()
    wait_for(lambda: sealed, seconds=20)
    threads[1].start()
    with other_connection() as other:
        wait_for(partial(_somebody_waits, other), seconds=20)
    go.set()
    for thread in threads:
        thread.join(30)
    with pytest.raises(Problem) as refused:
        claim(sealed[0])
    assert refused.value.code == "batch-withheld"


def _somebody_waits(cursor) -> bool:
    cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return cursor.fetchone() is not None
