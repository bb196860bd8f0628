"""A batch is recalled before anybody has claimed it, or with the consent of whoever has."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from core import sql
from core.http.problem import Problem
from core.ids import BATCH, public_id
from settlement.selectors import anything_due, obligations_of
from settlement.services.recall_batch import recall_batch
from settlement.verification import read_keys, verify
from tests.settlement.support import (
    LATER,
    VALUE_DATE,
    BackOffice,
    advance,
    batch_of,
    everything,
    instruction_ids,
    lines_of,
    ref,
    seal,
    state,
    validated,
)
from tests.support.factories import equity, fx, world
from tests.support.records import CLERK
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def trade() -> int:
    """Seal one equity deal: a batch of CASH and one of SECURITIES."""
    world()
    (trade_id,) = validated(equity())
    seal()
    return trade_id


def recall(batch_id: int, *, reason: str = "a holiday after all") -> str:
    return recall_batch(batch_id=batch_id, reason=reason, actor=CLERK, now=LATER)


def call_off(trade_id: int) -> None:
    change_trade(change=Change("CANCEL", trade_id, "as agreed"), actor=CLERK, now=LATER)


def refused(batch_id: int, **how: str) -> tuple[int, str]:
    before = everything()
    with pytest.raises(Problem) as problem:
        recall(batch_id, **how)
    assert everything() == before
    return problem.value.status, problem.value.code


def batches(channel: str = "CASH") -> list[int]:
    found = sql.rows("SELECT id FROM settlement_batch WHERE channel_id = %s ORDER BY sequence", [channel])
    return [batch_id for (batch_id,) in found]


def sequences() -> list[tuple]:
    return sql.rows("SELECT channel_id, sequence FROM settlement_batch ORDER BY 1, 2")


def verified() -> bool:
    return verify(connection, keys=read_keys(connection)).fault is None


class TestBeforeAnybodyHasClaimedIt:
    def test_it_is_recalled_at_once_and_its_legs_are_sealed_anew_in_the_next_of_its_sequence(self, trade):
        first = batch_of("CASH")
        (before,) = lines_of(first)
        assert recall(first) == "RECALLED"
        assert anything_due(value_date=VALUE_DATE)
        assert state(trade) == "INSTRUCTED"
        (second,) = seal()
        (after,) = lines_of(second)
        assert sequences() == [("CASH", 1), ("CASH", 2), ("SECURITIES", 1)]
        numbers = {"instruction", "batch"}
        assert {k: v for k, v in after.items() if k not in numbers} == {
            k: v for k, v in before.items() if k not in numbers
        }
        assert (after["kind"], after["replaces"]) == ("NEW", [])
        assert not anything_due(value_date=VALUE_DATE)
        cash = [each for each in obligations_of(trade) if each["asset_kind"] == "CASH"]
        assert [(each["attempt"], each["batch_id"], each["with_batch"]) for each in cash] == [
            (1, first, True),
            (2, second, None),
        ]

    def test_it_keeps_its_place_and_manifest_and_says_so(self, trade):
        batch_id = batch_of("CASH")
        office = BackOffice()
        before = office.get(f"settlement-batches/{public_id(BATCH, batch_id)}").json()
        recall(batch_id)
        after = office.get(f"settlement-batches/{public_id(BATCH, batch_id)}").json()
        assert (before["status"], after["status"]) == ("SEALED", "RECALLED")
        assert after["manifest"] == before["manifest"]
        assert after["recalled_at"] is not None
        assert [each["id"] for each in office.get("settlement-batches?status=RECALLED").json()["items"]] == [
            after["id"]
        ]
        seal()
        assert verified()

    def test_nobody_claims_or_pulls_it_and_the_next_is_given_instead(self, trade):
        first = batch_of("CASH")
        recall(first)
        (second,) = seal()
        office = BackOffice()
        assert (office.claim(first).status_code, office.claim(first).json()["code"]) == (
            409,
            "batch-recalled",
        )
        pull = office.get(f"settlement-batches/{public_id(BATCH, first)}/instructions")
        assert (pull.status_code, pull.json()["code"]) == (409, "batch-recalled")
        claim = office.post("settlement-claims", {"channel": "CASH"}).json()
        assert claim["batch"] == public_id(BATCH, second)

    def test_nothing_of_it_settles(self, trade):
        (instruction,) = instruction_ids(batch_of("CASH"))
        recall(batch_of("CASH"))
        items = BackOffice().report({"instruction": ref(instruction), "status": "SETTLED"}).json()["items"]
        assert items[0]["problem"]["detail"] == "It was cancelled: nothing can settle."

    def test_the_trade_goes_its_way_once_the_new_batch_is_done(self, trade):
        recall(batch_of("CASH"))
        seal()
        office = BackOffice()
        for batch_id in (batches()[1], batch_of("SECURITIES")):
            office.claim(batch_id)
            office.acknowledge(batch_id, lines_of(batch_id))
        advance()
        assert state(trade) == "ACKNOWLEDGED"

    def test_a_net_of_several_trades_is_made_anew(self):
        world()
        trade_ids = validated(*(fx(f"X-{n}") for n in range(4)))
        seal()
        before = [line["quantity"] for line in lines_of(batch_of("CASH"))]
        recall(batch_of("CASH"))
        (again,) = seal()
        assert [line["quantity"] for line in lines_of(again)] == before
        assert {state(each) for each in trade_ids} == {"INSTRUCTED"}
        once = "SELECT count(*) FROM settlement_obligation WHERE instruction_id = ANY(%s)"
        assert sql.rows(once, [instruction_ids(again)]) == [(8,)]

    def test_what_it_would_have_cancelled_is_cancelled_by_a_later_batch(self, trade):
        first = batch_of("CASH")
        BackOffice().claim(first)
        (original,) = instruction_ids(first)
        call_off(trade)
        seal()
        second = batches()[1]
        assert [line["cancels"] for line in lines_of(second)] == [ref(original)]
        assert refused(first) == (409, "cancellation-sealed")
        recall(second)
        seal()
        third = batches()[2]
        assert [line["cancels"] for line in lines_of(third)] == [ref(original)]

    def test_what_was_to_be_cancelled_by_a_later_batch_needs_that_no_more(self, trade):
        call_off(trade)
        for channel in ("CASH", "SECURITIES"):
            recall(batch_of(channel))
        assert not anything_due(value_date=VALUE_DATE)
        assert seal() == []

    def test_is_told_in_the_log_with_its_reason(self, trade):
        recall(batch_of("CASH"), reason="  wrong day ")
        told = sql.rows("SELECT type, reason, actor FROM core_event WHERE type LIKE 'batch.rec%%'")
        assert told == [("batch.recalled", "wrong day", CLERK.name)]

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
    def test_it_needs_a_reason(self, trade, reason):
        assert refused(batch_of("CASH"), reason=reason) == (422, "invalid")

    def test_it_is_recalled_once_and_an_unknown_one_never(self, trade):
        recall(batch_of("CASH"))
        assert refused(batch_of("CASH")) == (409, "batch-recalled")
        assert refused(999_999) == (404, "not-found")

    def test_a_recalled_batch_stands_as_it_did_at_an_earlier_moment(self, trade):
        recall(batch_of("CASH"))
        assert sql.rows("SELECT claimed_at, recalled_at FROM settlement_batch_progress") == [(None, LATER)]

    def test_a_recall_is_never_taken_back(self, trade):
        recall(batch_of("CASH"))
        for statement in (
            "UPDATE settlement_recall SET with_batch = false",
            "DELETE FROM settlement_batch_recall",
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                sql.run(statement)


class TestAfterItWasClaimed:
    @pytest.fixture
    def office(self, trade) -> BackOffice:
        office = BackOffice()
        office.claim(batch_of("CASH"))
        return office

    def answer(self, office: BackOffice, answer: str = "CONSENT", **more: str):
        (request,) = office.get("settlement-recalls").json()["items"]
        return office.post(f"settlement-recalls/{request['id']}/answers", {"answer": answer, **more})

    def test_only_the_request_is_made_and_only_whoever_claimed_it_sees_it(self, office):
        assert recall(batch_of("CASH")) == "REQUESTED"
        (request,) = office.get("settlement-recalls").json()["items"]
        assert (request["batch"], request["state"], request["reason"]) == (
            public_id(BATCH, batch_of("CASH")),
            "REQUESTED",
            "a holiday after all",
        )
        other = BackOffice("other")
        assert other.get("settlement-recalls").json()["items"] == []
        refusal = other.post(f"settlement-recalls/{request['id']}/answers", {"answer": "CONSENT"})
        assert refusal.status_code == 404
        assert refused(batch_of("CASH")) == (409, "recall-requested")

    def test_with_its_consent_the_batch_is_recalled_also_what_it_has_accepted(self, office, trade):
        batch_id = batch_of("CASH")
        office.acknowledge(batch_id, lines_of(batch_id))
        recall(batch_id)
        (request,) = office.get("settlement-recalls").json()["items"]
        path = f"settlement-recalls/{request['id']}/answers"
        answers = [office.post(path, {"answer": "CONSENT"}) for _ in range(2)]
        assert [(each.status_code, each.json()["state"]) for each in answers] == [(200, "RECALLED")] * 2
        assert office.post(path, {"answer": "REFUSE", "reason": "no"}).json()["code"] == "already-answered"
        assert sql.rows("SELECT count(*) FROM settlement_batch_claim WHERE ended_at IS NULL") == [(0,)]
        (again,) = seal()
        assert [line["kind"] for line in lines_of(again)] == ["NEW"]
        told = "SELECT type, actor FROM core_event WHERE type LIKE 'batch.rec%%' ORDER BY id"
        assert sql.rows(told) == [
            ("batch.recall_requested", CLERK.name),
            ("batch.recalled", "client:back-office"),
        ]

    def test_its_refusal_leaves_the_batch_as_it_is_and_it_may_be_asked_again(self, office):
        recall(batch_of("CASH"))
        assert self.answer(office, "REFUSE").json()["code"] == "invalid"
        assert self.answer(office, "REFUSE", reason="sent already").json()["state"] == "REFUSED"
        assert office.acknowledge(batch_of("CASH"), lines_of(batch_of("CASH"))).status_code == 207
        assert recall(batch_of("CASH")) == "REQUESTED"

    def test_what_has_settled_meanwhile_is_not_recalled(self, office):
        recall(batch_of("CASH"))
        (instruction,) = instruction_ids(batch_of("CASH"))
        office.report({"instruction": ref(instruction), "status": "SETTLED"})
        assert self.answer(office).json()["code"] == "settled"

    def test_what_is_settled_or_rejected_altogether_is_not_asked_for(self, office):
        office.acknowledge(batch_of("CASH"), lines_of(batch_of("CASH")), USD="AC04", EUR="AC04")
        assert refused(batch_of("CASH")) == (409, "all-rejected")

    def test_the_answer_names_its_faults(self, office):
        answer = office.post("settlement-recalls/rcl_11/answers", {"answer": "YES", "reason": 1, "x": 1})
        assert [each["pointer"] for each in answer.json()["errors"]] == ["/x", "/answer", "/reason"]


def test_the_channels_stay_without_gaps_however_often_batches_are_recalled():
    world()
    validated(*(equity(f"E-{n}") for n in range(3)))
    for _ in range(3):
        seal()
        for channel in ("CASH", "SECURITIES"):
            recall(batches(channel)[-1])
    seal()
    assert sequences() == [(channel, n) for channel in ("CASH", "SECURITIES") for n in (1, 2, 3, 4)]
    assert verified()
