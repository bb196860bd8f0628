"""What is held is not sealed, leaves batches that nobody has claimed, and is sealed once it is released."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import four_eyes, sql
from core.as_of import known_at
from core.audit import Actor, system
from core.http.problem import Problem
from core.ids import HOLD, INSTRUCTION, PROPOSAL, database_id, public_id
from core.models import Proposal
from settlement.holds import holds_in_force, holds_of_trade, list_holds, read_hold
from settlement.models import Channel, Hold
from settlement.services.claim import claim_batch
from settlement.services.hold import Made, Wanted, expire_holds, make_hold, release_hold
from tests.settlement.support import (
    LATER,
    BackOffice,
    batch_of,
    client,
    everything,
    instruction_ids,
    lines_of,
    ref,
    seal,
    state,
    trade_ref,
    validated,
)
from tests.support.factories import equity, fx, party, settle_gross, wait_for, world
from tests.support.records import CLERK, NOW, TODAY, person

pytestmark = pytest.mark.django_db


def hold(kind: str, subject: str, *, reason: str = "the customer calls back", **more: Any) -> Made:
    return make_hold(wanted=Wanted(kind, subject, **more), reason=reason, actor=CLERK, now=LATER)


def release(made: Made, *, user: User | None = None, reason: str = "they did") -> int | None:
    return release_hold(hold_id=made.id, reason=reason, user=user or somebody(), actor=CLERK, now=LATER)


def somebody() -> User:
    return User.objects.filter(username="maker").first() or person("maker")


def sealed() -> list[tuple[str, str, str]]:
    """Return what is sealed so far and neither recalled nor a cancellation: channel, asset and direction."""
    return sql.rows(
        "SELECT channel, asset, direction FROM settlement_instruction i WHERE cancels IS NULL AND NOT EXISTS ("
        " SELECT FROM settlement_recall r WHERE r.instruction_id = i.id) ORDER BY id"
    )


def told(like: str = "hold.%") -> list[tuple[Any, ...]]:
    return sql.rows("SELECT type, actor, reason FROM core_event WHERE type LIKE %s ORDER BY id", [like])


def refused(kind: str, subject: str, **more: Any) -> tuple[int, list[str]]:
    before = everything()
    with pytest.raises(Problem) as problem:
        hold(kind, subject, **more)
    assert everything() == before
    assert holds_in_force()[0] == Hold.objects.filter(ended_at=None).count()
    return problem.value.status, [each.pointer for each in problem.value.faults]


class TestATrade:
    def test_is_not_sealed_while_it_is_held_and_with_the_next_batch_once_it_is_released(self):
        world()
        held, free = validated(equity("E-1"), equity("E-2"))
        made = hold("TRADE", trade_ref(held))
        seal()
        assert (state(held), state(free)) == ("VALIDATED", "INSTRUCTED")
        assert seal() == []
        assert release(made) is None
        assert len(seal()) == 2
        assert state(held) == "INSTRUCTED"

    def test_that_is_sealed_and_unclaimed_leaves_its_batches_and_the_others_do_not_wait(self):
        world()
        held, free = validated(equity("E-1"), equity("E-2"))
        seal()
        made = hold("TRADE", trade_ref(held))
        assert (len(made.recalled), made.claimed) == (2, ())
        batches = seal()
        assert [line["kind"] for batch_id in batches for line in lines_of(batch_id)] == [
            "NEW", "CANCEL", "NEW", "CANCEL",
        ]  # fmt: skip
        assert (state(held), state(free)) == ("INSTRUCTED", "INSTRUCTED")
        both = [
            sum(int(float(line["quantity"])) for line in lines_of(each) if line["kind"] == "NEW")
            for each in batches
        ]
        release(made)
        after = [sum(int(float(line["quantity"])) for line in lines_of(each)) for each in seal()]
        assert after == both

    def test_what_somebody_has_claimed_of_it_stays_and_is_named(self):
        world()
        (held,) = validated(equity())
        seal()
        BackOffice().claim(batch_of("CASH"))
        made = hold("TRADE", trade_ref(held))
        assert made.claimed == tuple(instruction_ids(batch_of("CASH")))
        assert made.recalled == tuple(instruction_ids(batch_of("SECURITIES")))

    @pytest.mark.parametrize("over", ["cancelled"])
    def test_that_has_ended_is_not_held(self, over):
        world()
        (trade_id,) = validated(equity())
        sql.run("UPDATE trades_state SET state = 8 WHERE trade_id = %s", [trade_id])
        assert refused("TRADE", trade_ref(trade_id)) == (409, [])

    def test_is_told_in_the_log_of_the_hold_and_in_its_own_timeline(self):
        world()
        (held,) = validated(equity())
        made = hold("TRADE", trade_ref(held), reason=" wait ")
        release(made)
        assert told() == [("hold.made", CLERK.name, "wait"), ("hold.released", CLERK.name, "they did")]
        assert [*told("trade.held%"), *told("trade.let%")] == [
            ("trade.held_back", CLERK.name, "wait"),
            ("trade.let_go", CLERK.name, "they did"),
        ]


class TestAnInstruction:
    def test_leaves_its_batch_and_its_legs_wait_until_it_is_released(self):
        world()
        (trade_id,) = validated(equity())
        seal()
        (cash,) = instruction_ids(batch_of("CASH"))
        made = hold("INSTRUCTION", ref(cash))
        assert made.recalled == (cash,)
        (cancelling,) = seal()
        assert [line["cancels"] for line in lines_of(cancelling)] == [ref(cash)]
        assert [each[0] for each in sealed()] == ["SECURITIES"]
        release(made)
        (again,) = seal()
        assert [line["replaces"] for line in lines_of(again)] == [[ref(cash)]]
        assert state(trade_id) == "INSTRUCTED"

    def test_that_somebody_has_claimed_is_held_once_it_comes_back(self):
        world()
        validated(equity())
        seal()
        office = BackOffice(scopes=["settlement:read", "settlement:ack", "settlement:operate"])
        office.claim(batch_of("CASH"))
        (cash,) = instruction_ids(batch_of("CASH"))
        made = office.post(
            "settlement-holds", {"kind": "INSTRUCTION", "subject": ref(cash), "reason": "wait"}
        )
        assert made.json()["claimed"] == [ref(cash)]
        asked = office.post(f"settlement-instructions/{ref(cash)}/recalls", {"reason": "it is held"})
        assert (asked.status_code, asked.json()["state"]) == (202, "REQUESTED")
        (request,) = office.get("settlement-recalls").json()["items"]
        office.post(f"settlement-recalls/{request['id']}/answers", {"answer": "CONSENT"})
        (cancelling,) = seal()
        assert [line["kind"] for line in lines_of(cancelling)] == ["CANCEL"]
        assert seal() == []

    def test_that_is_done_with_is_not_held(self):
        world()
        validated(equity())
        seal()
        (cash,) = instruction_ids(batch_of("CASH"))
        BackOffice().report({"instruction": ref(cash), "status": "SETTLED"})
        assert refused("INSTRUCTION", ref(cash)) == (409, [])


class TestACounterparty:
    def test_only_what_goes_to_it_over_the_channel_waits(self):
        world()
        party("BROKER-02", lei="7LTWFZYICNSX8D621K86")
        here, there = validated(equity("E-1"), equity("E-2", counterparty="BROKER-02"))
        hold("COUNTERPARTY", "BROKER-01", channel="CASH")
        seal()
        assert (state(here), state(there)) == ("VALIDATED", "INSTRUCTED")
        assert sorted(each[0] for each in sealed()) == ["CASH", "SECURITIES", "SECURITIES"]

    def test_only_the_asset_waits_where_one_is_named(self):
        world()
        (trade_id,) = validated(fx())
        made = hold("COUNTERPARTY", "BROKER-01", channel="CASH", asset="USD")
        seal()
        assert [each[1] for each in sealed()] == ["EUR"]
        assert state(trade_id) == "VALIDATED"
        release(made)
        seal()
        assert [each[1] for each in sealed()] == ["EUR", "USD"]
        assert state(trade_id) == "INSTRUCTED"

    def test_what_is_sealed_for_it_and_unclaimed_leaves_its_batch(self):
        world()
        validated(fx())
        seal()
        made = hold("COUNTERPARTY", "BROKER-01", channel="CASH", asset="USD")
        assert len(made.recalled) == 1
        assert [each[1] for each in sealed()] == ["EUR"]

    def test_two_holds_of_it_both_keep_back(self):
        world()
        validated(fx())
        first = hold("COUNTERPARTY", "BROKER-01", channel="CASH")
        second = hold("COUNTERPARTY", "BROKER-01", channel="CASH", asset="USD")
        release(first)
        seal()
        assert [each[1] for each in sealed()] == ["EUR"]
        release(second)
        seal()
        assert [each[1] for each in sealed()] == ["EUR", "USD"]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("wanted", "pointers"),
        [
            (("DESK", "EQ"), ["/kind"]),
            (("TRADE", ""), ["/subject"]),
            (("TRADE", "trd_00"), ["/subject"]),
            (("TRADE", "BROKER-01"), ["/subject"]),
            (("INSTRUCTION", "ins_11"), ["/subject"]),
            (("COUNTERPARTY", "NOBODY"), ["/subject", "/channel"]),
            (("COUNTERPARTY", "BROKER-01"), ["/channel"]),
        ],
    )
    def test_names_every_fault(self, wanted, pointers):
        world()
        assert refused(*wanted) == (422, pointers)

    def test_a_trade_has_no_channel_a_hold_no_past_and_each_a_reason(self):
        world()
        (trade_id,) = validated(equity())
        yesterday = TODAY - timedelta(days=1)
        faults = refused(
            "TRADE", trade_ref(trade_id), channel="CASH", asset="USD", until=yesterday, reason=" "
        )
        assert faults == (422, ["/channel", "/asset", "/until", "/reason"])

    def test_what_is_held_already(self):
        world()
        (trade_id,) = validated(equity())
        hold("TRADE", trade_ref(trade_id))
        assert refused("TRADE", trade_ref(trade_id)) == (409, [])

    def test_a_release_without_a_reason_of_nothing_or_again(self):
        world()
        (trade_id,) = validated(equity())
        made = hold("TRADE", trade_ref(trade_id))
        with pytest.raises(Problem, match="not released"):
            release(made, reason="")
        release(made)
        for gone, code in ((made, "hold-ended"), (Made(999, (), ()), "not-found")):
            with pytest.raises(Problem) as problem:
                release(gone)
            assert problem.value.code == code


class TestTwoPeople:
    @pytest.fixture
    def made(self) -> Made:
        world()
        Channel.objects.filter(code="CASH").update(hold_release_from="1000")
        validated(equity())
        return hold("COUNTERPARTY", "BROKER-01", channel="CASH")

    def test_release_the_hold_of_a_counterparty_that_keeps_back_so_much(self, made):
        maker = person("maker")
        proposal = release(made, user=maker)
        assert proposal is not None
        assert seal("CASH") == []
        content = Proposal.objects.get(id=proposal).content
        ((amount,),) = sql.rows("SELECT base_amount FROM trades_version")
        assert (content["trades"], content["amount"]) == (1, f"{amount:.2f}")
        approve = {"proposal_id": proposal, "note": "", "actor": Actor("user:checker"), "now": LATER}
        with pytest.raises(Problem, match="Somebody else"):
            four_eyes.approve(user=maker, **approve)
        four_eyes.approve(user=person("checker"), **approve)
        assert len(seal("CASH")) == 1
        assert told()[-1] == ("hold.released", "user:checker", "they did")

    def test_are_needed_where_the_amount_is_not_known(self, made):
        Channel.objects.filter(code="CASH").update(hold_release_from="1000000000")
        sql.run("ALTER TABLE trades_version DISABLE TRIGGER ALL")
        sql.run("UPDATE trades_version SET base_amount = NULL")
        sql.run("ALTER TABLE trades_version ENABLE TRIGGER ALL")
        assert release(made) is not None

    def test_are_not_needed_below_the_amount_nor_for_a_trade(self, made):
        Channel.objects.filter(code="CASH").update(hold_release_from="1000000000")
        assert release(made) is None
        (trade_id,) = validated(equity("E-9"))
        assert release(hold("TRADE", trade_ref(trade_id))) is None

    def test_what_is_sealed_already_does_not_count(self):
        world()
        Channel.objects.filter(code="CASH").update(hold_release_from="1000")
        validated(equity())
        seal()
        BackOffice().claim(batch_of("CASH"))
        assert release(hold("COUNTERPARTY", "BROKER-01", channel="CASH")) is None

    def test_a_proposal_is_void_once_the_hold_has_ended_by_itself(self, made):
        sql.run("DELETE FROM core_work")
        other = hold("COUNTERPARTY", "BROKER-01", channel="CASH", asset="USD", until=TODAY)
        proposal = release(other)
        expire_holds(now=LATER + timedelta(days=1), actor=system("holds"))
        assert Proposal.objects.get(id=proposal).state == "VOID"


class TestUntilADay:
    def test_it_ends_by_itself_when_its_last_day_is_over(self):
        world()
        (trade_id,) = validated(equity())
        hold("TRADE", trade_ref(trade_id), until=TODAY)
        assert expire_holds(now=LATER, actor=system("holds")) == 0
        assert seal() == []
        assert expire_holds(now=LATER + timedelta(days=1), actor=system("holds")) == 1
        assert expire_holds(now=LATER + timedelta(days=1), actor=system("holds")) == 0
        assert len(seal()) == 2
        assert told()[-1] == ("hold.expired", "system:holds", "its last day is over")

    def test_without_a_last_day_it_stays(self):
        world()
        (trade_id,) = validated(equity())
        hold("TRADE", trade_ref(trade_id))
        assert expire_holds(now=LATER + timedelta(days=4000), actor=system("holds")) == 0


class TestReading:
    def test_tells_what_concerns_a_trade_now_and_as_it_was(self):
        world()
        (trade_id,) = validated(equity())
        seal()
        (cash,) = instruction_ids(batch_of("CASH"))
        made = [
            hold("TRADE", trade_ref(trade_id)),
            hold("COUNTERPARTY", "BROKER-01", channel="CASH"),
            hold("INSTRUCTION", ref(cash)),
        ]
        assert [each["id"] for each in holds_of_trade(trade_id)] == [each.id for each in made]
        release(made[0])
        assert [each["id"] for each in holds_of_trade(trade_id)] == [each.id for each in made[1:]]
        assert [each["id"] for each in list_holds(in_force=False, limit=10)] == [each.id for each in made]
        assert holds_in_force() == (2, LATER)

    def test_a_hold_is_only_ended_once_and_never_deleted(self):
        world()
        (trade_id,) = validated(equity())
        made = hold("TRADE", trade_ref(trade_id))
        for statement in (
            "UPDATE settlement_hold SET reason = 'another'",
            "UPDATE settlement_hold SET subject_id = 5, ended_at = now(), ended_by = 'x'",
            "DELETE FROM settlement_hold",
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                sql.run(statement)
        release(made)
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.run("UPDATE settlement_hold SET ended_at = now()")

    def test_the_api_makes_lists_and_releases(self):
        world()
        (trade_id,) = validated(equity())
        office = BackOffice(scopes=["settlement:read", "settlement:operate"])
        body = {"kind": "TRADE", "subject": trade_ref(trade_id), "until": "2099-01-01", "reason": "wait"}
        made = office.post("settlement-holds", body, key="once")
        assert office.post("settlement-holds", body, key="once").json() == made.json()
        assert (made.status_code, made.json()["recalled"], made.json()["claimed"]) == (201, [], [])
        (listed,) = office.get("settlement-holds").json()["items"]
        assert (listed["id"], listed["kind"], listed["subject"], listed["until"]) == (
            made.json()["id"], "TRADE", trade_ref(trade_id), "2099-01-01",
        )  # fmt: skip
        freed = office.post(f"settlement-holds/{listed['id']}/releases", {"reason": "they did"})
        assert (freed.status_code, freed.json()["status"]) == (200, "RELEASED")
        assert office.get("settlement-holds").json()["items"] == []
        (ended,) = office.get("settlement-holds?in_force=false").json()["items"]
        assert (ended["ended_by"], ended["end_reason"]) == ("client:back-office", "they did")

    def test_the_api_proposes_where_two_people_release(self):
        world()
        Channel.objects.filter(code="CASH").update(hold_release_from="0")
        made = hold("COUNTERPARTY", "BROKER-01", channel="CASH")
        office = BackOffice(scopes=["settlement:operate"])
        asked = office.post(f"settlement-holds/{public_id(HOLD, made.id)}/releases", {"reason": "they did"})
        assert (asked.status_code, asked.json()["status"]) == (202, "PENDING")
        assert Proposal.objects.get(id=database_id(PROPOSAL, asked.json()["proposal"])).kind == "hold.release"

    def test_the_api_names_its_faults(self):
        office = BackOffice(scopes=["settlement:operate"])
        answer = office.post("settlement-holds", {"kind": 1, "until": "soon", "x": 1})
        assert [each["pointer"] for each in answer.json()["errors"]] == [
            "/x", "/kind", "/subject", "/until", "/reason",
        ]  # fmt: skip
        assert office.post("settlement-holds/hld_zz/releases", {"reason": "x"}).status_code == 404


def in_a_thread(act: Callable[[], Made], *, beside: Callable[[], Any]) -> Made:
    """Return what comes of an act that begins while another transaction is open, which then commits."""

    def apart() -> Made:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            beside()
            found = pool.submit(apart)
            wait_for(somebody_waits, seconds=30)
        return found.result(30)


def somebody_waits() -> bool:
    return sql.rows("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted") == [(True,)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
class TestAtTheSameTime:
    def test_a_hold_waits_for_a_seal_under_way_and_takes_back_what_that_sealed(self):
        world()
        (trade_id,) = validated(equity())
        made = in_a_thread(lambda: hold("TRADE", trade_ref(trade_id)), beside=seal)
        assert (len(made.recalled), made.claimed) == (2, ())

    def test_what_is_claimed_at_the_same_moment_is_claimed(self):
        world()
        (trade_id,) = validated(equity())
        seal()
        consumer, batch_id = client(), batch_of("CASH")

        def claim() -> None:
            claim_batch(batch_id=batch_id, client=consumer, lease_seconds=60, actor=CLERK, now=NOW)

        made = in_a_thread(lambda: hold("TRADE", trade_ref(trade_id)), beside=claim)
        assert made.claimed == tuple(instruction_ids(batch_id))
        assert made.recalled == tuple(instruction_ids(batch_of("SECURITIES")))

    def test_it_can_be_read_as_it_was(self):
        world()
        (trade_id,) = validated(equity())
        made = hold("TRADE", trade_ref(trade_id))
        release(made)
        before, after = known_at(LATER - timedelta(seconds=1)), known_at(LATER)
        assert (holds_in_force(as_of=before)[0], read_hold(made.id, as_of=before)) == (0, None)
        assert holds_of_trade(trade_id, as_of=after) == []
        ended = read_hold(made.id, as_of=after)
        assert ended is not None
        assert ended["ended_by"] == CLERK.name


STEPS = st.lists(st.tuples(st.sampled_from(["hold", "release", "seal"]), st.integers(0, 2)), max_size=12)
# What is instructed and not recalled, of some trades.
_LIVE = """
SELECT o.trade_id, o.leg FROM settlement_obligation o
WHERE o.trade_id = ANY(%s) AND o.instruction_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = o.instruction_id)
ORDER BY 1, 2
"""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_nothing_held_is_sealed_and_in_the_end_each_leg_is_once_in_whatever_order(steps):
    with transaction.atomic():
        world()
        trades = validated(*(fx(f"X-{n}") for n in range(3)))
        made: dict[int, Made] = {}
        for what, n in steps:
            if what == "hold" and n not in made:
                made[n] = hold("TRADE", trade_ref(trades[n]))
            elif what == "release" and n in made:
                release(made.pop(n))
            elif what == "seal":
                seal()
            assert sql.rows(_LIVE, [[trades[each] for each in made]]) == []
        for each in made.values():
            release(each)
        seal()
        assert {state(each) for each in trades} == {"INSTRUCTED"}
        assert sql.rows(_LIVE, [trades]) == [(each, leg) for each in trades for leg in (1, 2)]
        transaction.set_rollback(True)


class TestDeliveryVersusPayment:
    def test_a_leg_that_is_held_keeps_the_other_of_its_pair(self):
        world()
        settle_gross()
        validated(equity())
        hold("COUNTERPARTY", "BROKER-01", channel="CASH", asset="USD")
        seal()
        assert sealed() == []

    def test_an_instruction_that_is_held_leaves_its_batch_with_the_one_it_is_linked_to(self):
        world()
        settle_gross()
        validated(equity())
        (cash,) = [each for each in seal() if lines_of(each)[0]["channel"] == "CASH"]
        assert len(sealed()) == 2
        hold("INSTRUCTION", public_id(INSTRUCTION, instruction_ids(cash)[0]))
        assert sealed() == []
