"""One instruction is recalled before its batch is claimed, or with the consent of whoever has it."""

from __future__ import annotations

import pytest
from django.db import connection

from core import sql
from core.http.problem import Problem
from core.ids import BATCH, public_id
from settlement.selectors import anything_due, obligations_of
from settlement.services.recall_batch import recall_batch
from settlement.services.recall_line import recall_instruction
from settlement.verification import read_keys, verify
from tests.settlement.support import (
    LATER,
    VALUE_DATE,
    BackOffice,
    advance,
    batch_of,
    bytes_of,
    control_of,
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
from trades.models import ExceptionItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def trade() -> int:
    """Seal one equity deal: a batch of CASH and one of SECURITIES."""
    world()
    (trade_id,) = validated(equity())
    seal()
    return trade_id


def recall(instruction_id: int, *, reason: str = "the account is wrong") -> str:
    return recall_instruction(instruction_id=instruction_id, reason=reason, actor=CLERK, now=LATER)


def cash() -> int:
    return instruction_ids(batch_of("CASH"))[0]


def refused(instruction_id: int, **how: str) -> tuple[int, str]:
    before = everything()
    with pytest.raises(Problem) as problem:
        recall(instruction_id, **how)
    assert everything() == before
    return problem.value.status, problem.value.code


def batches(channel: str = "CASH") -> list[int]:
    found = sql.rows("SELECT id FROM settlement_batch WHERE channel_id = %s ORDER BY sequence", [channel])
    return [batch_id for (batch_id,) in found]


class TestBeforeAnybodyHasClaimedIt:
    def test_it_is_recalled_at_once_and_a_later_batch_cancels_it_and_has_its_legs_anew(self, trade):
        first, original = batch_of("CASH"), cash()
        before = bytes_of(first)
        assert recall(original) == "RECALLED"
        assert anything_due(value_date=VALUE_DATE)
        assert state(trade) == "INSTRUCTED"
        (second,) = seal()
        assert [(each["kind"], each["cancels"], each["replaces"]) for each in lines_of(second)] == [
            ("NEW", None, [ref(original)]),
            ("CANCEL", ref(original), []),
        ]
        assert bytes_of(first) == before
        assert verify(connection, keys=read_keys(connection)).fault is None
        legs = [each for each in obligations_of(trade) if each["asset_kind"] == "CASH"]
        assert [(each["attempt"], each["batch_id"], each["recalled"]) for each in legs] == [
            (1, first, True),
            (2, second, False),
        ]

    def test_the_others_of_its_batch_are_not_kept_waiting(self):
        world()
        validated(fx("X-1"))
        seal()
        (one, other) = instruction_ids(batch_of("CASH"))
        recall(one)
        office = BackOffice()
        assert office.claim(batch_of("CASH")).status_code == 201
        told = office.get(f"settlement-batches/{public_id(BATCH, batch_of('CASH'))}/statuses").json()["items"]
        assert [(each["instruction"], each["recalled"]) for each in told] == [
            (ref(one), True),
            (ref(other), False),
        ]

    def test_whoever_claims_its_batch_is_told_not_to_do_it(self, trade):
        recall(cash())
        assert BackOffice().claim(batch_of("CASH")).json()["recalled"] == [ref(cash())]

    def test_the_trade_goes_its_way_once_all_is_answered(self, trade):
        recall(cash())
        seal()
        office = BackOffice()
        for batch_id in (*batches("CASH"), batch_of("SECURITIES")):
            office.claim(batch_id)
            office.acknowledge(batch_id, lines_of(batch_id))
        advance()
        assert state(trade) == "ACKNOWLEDGED"

    def test_a_cancellation_that_is_rejected_is_an_exception_of_each_trade_behind_it(self, trade):
        recall(cash())
        seal()
        office, second = BackOffice(), batches()[1]
        office.claim(second)
        new, cancel = lines_of(second)
        items = [
            {"instruction": new["instruction"], "status": "ACCEPTED"},
            {"instruction": cancel["instruction"], "status": "REJECTED", "reason": "NOOR"},
        ]
        control = control_of([new, cancel])
        answer = office.post(
            f"settlement-batches/{public_id(BATCH, second)}/acknowledgements",
            {"items": items, "control_totals": control},
        )
        assert answer.json()["applied"] == 2
        assert ExceptionItem.objects.filter(trade_id=trade, kind="REJECTION", closed_at=None).count() == 1

    def test_is_told_in_the_log_with_its_reason(self, trade):
        recall(cash(), reason="  wrong account ")
        told = sql.rows(
            "SELECT type, subject_id, reason, actor FROM core_event WHERE type LIKE 'instruction.rec%%'"
        )
        assert told == [("instruction.recalled", cash(), "wrong account", CLERK.name)]

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
    def test_it_needs_a_reason(self, trade, reason):
        assert refused(cash(), reason=reason) == (422, "invalid")

    def test_it_is_recalled_once_and_an_unknown_one_never(self, trade):
        recall(cash())
        assert refused(cash()) == (409, "instruction-recalled")
        assert refused(999_999) == (404, "not-found")

    def test_neither_a_cancellation_nor_one_of_a_recalled_batch_is_recalled(self, trade):
        recall(cash())
        (second,) = seal()
        assert refused(instruction_ids(second)[1]) == (409, "is-cancellation")
        recall_batch(batch_id=batch_of("SECURITIES"), reason="all of it", actor=CLERK, now=LATER)
        (delivery,) = instruction_ids(batch_of("SECURITIES"))
        assert refused(delivery) == (409, "batch-recalled")


class TestAfterItWasClaimed:
    @pytest.fixture
    def office(self, trade) -> BackOffice:
        office = BackOffice()
        office.claim(batch_of("CASH"))
        return office

    def asked(self, office: BackOffice) -> dict:
        (request,) = office.get("settlement-recalls").json()["items"]
        return request

    def answer(self, office: BackOffice, answer: str = "CONSENT", **more: str):
        path = f"settlement-recalls/{self.asked(office)['id']}/answers"
        return office.post(path, {"answer": answer, **more})

    def test_whoever_claimed_it_last_is_asked_and_sees_which(self, office):
        before = everything()
        assert recall(cash()) == "REQUESTED"
        request = self.asked(office)
        assert (request["batch"], request["instruction"]) == (public_id(BATCH, batch_of("CASH")), ref(cash()))
        assert {name for name, digest in everything().items() if digest != before[name]} == {"core_event"}
        assert refused(cash()) == (409, "recall-requested")

    def test_with_its_consent_the_instruction_is_recalled_and_the_claim_goes_on(self, office, trade):
        original = cash()
        recall(original)
        path = f"settlement-recalls/{self.asked(office)['id']}/answers"
        answers = [office.post(path, {"answer": "CONSENT"}) for _ in range(2)]
        assert [(each.status_code, each.json()["state"]) for each in answers] == [(200, "RECALLED")] * 2
        assert office.get("settlement-recalls").json()["items"] == []
        (second,) = seal()
        assert [each["cancels"] for each in lines_of(second)] == [None, ref(original)]
        assert office.acknowledge(batch_of_sequence(1), lines_of(batch_of_sequence(1))).json()["applied"] == 1
        told = "SELECT type, actor FROM core_event WHERE type LIKE 'instruction.rec%%' ORDER BY id"
        assert sql.rows(told) == [
            ("instruction.recall_requested", CLERK.name),
            ("instruction.recalled", "client:back-office"),
        ]

    def test_its_refusal_leaves_it_as_it_is_and_it_may_be_asked_again(self, office):
        recall(cash())
        assert self.answer(office, "REFUSE", reason="sent already").json()["state"] == "REFUSED"
        assert seal() == []
        assert recall(cash()) == "REQUESTED"

    def test_what_has_settled_meanwhile_is_not_recalled(self, office):
        recall(cash())
        office.report({"instruction": ref(cash()), "status": "SETTLED"})
        assert self.answer(office).json()["code"] == "settled"

    def test_the_recall_of_its_batch_answers_for_it(self, office):
        recall(cash())
        line = self.asked(office)
        recall_batch(batch_id=batch_of("CASH"), reason="all of it", actor=CLERK, now=LATER)
        first, second = office.get("settlement-recalls").json()["items"]
        assert (first["id"], first["instruction"], second["instruction"]) == (line["id"], ref(cash()), None)
        office.post(f"settlement-recalls/{second['id']}/answers", {"answer": "CONSENT"})
        assert office.get("settlement-recalls").json()["items"] == []
        again = office.post(f"settlement-recalls/{line['id']}/answers", {"answer": "CONSENT"})
        assert again.json()["state"] == "RECALLED"
        (second_batch,) = seal()
        assert [each["kind"] for each in lines_of(second_batch)] == ["NEW"]


def batch_of_sequence(sequence: int) -> int:
    return batches()[sequence - 1]
