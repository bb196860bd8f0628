"""What settles in part: how much is left, that it may fail, and that what is left is taken back and done anew."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from core.ids import BATCH, public_id
from settlement.models import InstructionState
from settlement.selectors import instructions_of, obligations_of
from settlement.services.recall import settled_in_part
from settlement.services.recall_line import recall_instruction
from settlement.services.report import Report, report_status
from tests.settlement.support import (
    LATER,
    BackOffice,
    advance,
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
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> BackOffice:
    world()
    return BackOffice()


def handed_over(office: BackOffice, *documents: dict[str, Any]) -> list[int]:
    """Seal deals and have all of their instructions accepted; return the trades."""
    trades = validated(*documents)
    for batch_id in seal():
        accept(office, batch_id)
    return trades


def accept(office: BackOffice, batch_id: int) -> None:
    office.claim(batch_id)
    office.acknowledge(batch_id, lines_of(batch_id))
    advance()


def batches(channel: str = "SECURITIES") -> list[int]:
    found = sql.rows("SELECT id FROM settlement_batch WHERE channel_id = %s ORDER BY sequence", [channel])
    return [batch_id for (batch_id,) in found]


def delivery() -> int:
    """Return the securities instruction that was sealed first."""
    return instruction_ids(batches()[0])[0]


def report(office: BackOffice, instruction_id: int, status: str, **more: str) -> dict[str, Any]:
    (item,) = office.report({"instruction": ref(instruction_id), "status": status, **more}).json()["items"]
    return dict(item)


def recall(instruction_id: int) -> str:
    return recall_instruction(instruction_id=instruction_id, reason="the rest", actor=CLERK, now=LATER)


def consent(office: BackOffice) -> None:
    (request,) = office.get("settlement-recalls").json()["items"]
    answer = office.post(f"settlement-recalls/{request['id']}/answers", {"answer": "CONSENT"})
    assert answer.json()["state"] == "RECALLED"


def stands(instruction_id: int) -> tuple[str, Decimal]:
    found = InstructionState.objects.get(instruction_id=instruction_id)
    return found.settlement, found.settled_quantity


class TestHowMuchIsLeft:
    def test_is_said_on_the_statuses_of_the_batch_and_with_the_legs_of_the_trade(self, office):
        (trade_id,) = handed_over(office, equity(quantity="100"))
        report(office, delivery(), "PARTIAL", quantity="40")
        (item,) = office.get(f"settlement-batches/{public_id(BATCH, batches()[0])}/statuses").json()["items"]
        assert (item["settlement"], item["settled_quantity"], item["remaining_quantity"]) == (
            "PARTIAL", "40", "60",
        )  # fmt: skip
        left = {each["asset_kind"]: each["remaining_quantity"] for each in obligations_of(trade_id)}
        assert left["SECURITY"] == 60
        assert left["CASH"] > 0

    def test_is_nothing_once_it_is_settled_rejected_or_cancelled(self, office):
        handed_over(office, equity(quantity="100"))
        report(office, delivery(), "PARTIAL", quantity="40")
        report(office, delivery(), "SETTLED")
        (row,) = instructions_of(batches()[0], limit=10)
        assert row["remaining_quantity"] == 0

    def test_the_quantity_is_what_has_settled_so_far_so_it_replaces_and_never_goes_back(self, office):
        handed_over(office, equity(quantity="100"))
        for quantity in ("40", "70", "40", "10"):
            report(office, delivery(), "PARTIAL", quantity=quantity)
        assert stands(delivery()) == ("PARTIAL", 70)


class TestWhatIsLeft:
    def test_may_fail_which_says_how_much_has_settled_and_ends_with_the_settlement(self, office):
        handed_over(office, equity(quantity="100"))
        report(office, delivery(), "PARTIAL", quantity="40")
        report(office, delivery(), "FAILED", reason="LACK")
        item = ExceptionItem.objects.get()
        assert (
            item.summary == f"Settlement of what is left of {ref(delivery())}, 40 being settled, failed: LACK"
        )
        assert stands(delivery()) == ("PARTIAL", 40)
        report(office, delivery(), "SETTLED")
        item.refresh_from_db()
        assert item.closed_at is not None

    def test_is_taken_back_with_consent_cancelled_as_much_as_it_is_and_done_anew(self, office):
        (trade_id,) = handed_over(office, equity(quantity="100"))
        report(office, delivery(), "PARTIAL", quantity="40")
        assert recall(delivery()) == "REQUESTED"
        consent(office)
        (again,) = seal()
        assert [(each["kind"], each["quantity"], each["cancels"]) for each in lines_of(again)] == [
            ("NEW", "60", None),
            ("CANCEL", "60", ref(delivery())),
        ]
        accept(office, again)
        assert stands(delivery()) == ("CANCELLED", 40)
        assert state(trade_id) == "ACKNOWLEDGED"
        rest, cash = instruction_ids(again)[0], instruction_ids(batches("CASH")[0])[0]
        for each in (rest, cash):
            report(office, each, "SETTLED")
        advance()
        assert state(trade_id) == "SETTLED"

    def test_that_the_back_office_has_cancelled_by_itself_is_taken_back_without_asking(self, office):
        handed_over(office, equity(quantity="100"))
        report(office, delivery(), "PARTIAL", quantity="40")
        report(office, delivery(), "CANCELLATION_COMPLETED", reason="CANS")
        item = ExceptionItem.objects.get()
        assert item.summary == (
            f"The back office cancelled what is left of {ref(delivery())}, 40 being settled: CANS"
        )
        assert recall(delivery()) == "RECALLED"
        item.refresh_from_db()
        assert item.closed_at is not None
        assert [each["quantity"] for each in lines_of(seal()[0])] == ["60", "60"]

    def test_once_taken_back_does_not_settle_and_the_trade_is_still_not_changed(self, office):
        (trade_id,) = handed_over(office, equity(quantity="100"))
        report(office, delivery(), "PARTIAL", quantity="40")
        recall(delivery())
        consent(office)
        for status, more in (("PARTIAL", {"quantity": "41"}), ("SETTLED", {})):
            item = report(office, delivery(), status, **more)
            assert item["problem"]["detail"] == (
                "What was left of it is recalled: nothing more of it can settle."
            )
        assert report(office, delivery(), "PARTIAL", quantity="30")["status"] == 200
        assert set(settled_in_part([trade_id])) == {trade_id}
        with pytest.raises(Problem):
            change_trade(change=Change("CANCEL", trade_id, "no more"), actor=CLERK, now=LATER)

    def test_of_a_net_is_of_the_last_trades_and_the_first_are_done(self, office):
        first, second, third = handed_over(office, *(equity(f"E-{n}", quantity="100") for n in range(3)))
        report(office, delivery(), "PARTIAL", quantity="150")
        recall(delivery())
        consent(office)
        waiting = sql.rows(
            "SELECT trade_id, quantity FROM settlement_obligation WHERE instruction_id IS NULL ORDER BY trade_id"
        )
        assert waiting == [(second, 50), (third, 100)]
        report(office, instruction_ids(batches("CASH")[0])[0], "SETTLED")
        advance()
        assert [state(each) for each in (first, second, third)] == [
            "SETTLED", "ACKNOWLEDGED", "ACKNOWLEDGED",
        ]  # fmt: skip
        (again,) = seal()
        accept(office, again)
        report(office, instruction_ids(again)[0], "SETTLED")
        advance()
        assert {state(each) for each in (first, second, third)} == {"SETTLED"}

    def test_of_a_net_of_both_directions_is_never_of_those_that_it_made_up_for(self, office):
        buy, sell = handed_over(
            office, equity("E-1", quantity="100"), equity("E-2", quantity="30", side="SELL")
        )
        report(office, delivery(), "PARTIAL", quantity="20")
        recall(delivery())
        consent(office)
        waiting = (
            "SELECT trade_id, direction, quantity FROM settlement_obligation WHERE instruction_id IS NULL"
        )
        assert sql.rows(waiting) == [(buy, "RECEIVE", 50)]
        assert state(sell) == "ACKNOWLEDGED"


_ARRIVALS = st.lists(
    st.one_of(
        st.tuples(st.just("PARTIAL"), st.integers(1, 299)),
        st.tuples(st.just("FAILED"), st.just(0)),
        st.tuples(st.just("CANCELLATION_REQUESTED"), st.just(0)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=_ARRIVALS, shuffle=st.randoms(use_true_random=False))
def test_in_whatever_order_reports_arrive_what_settled_and_what_is_done_anew_make_the_whole(
    arrivals, shuffle
):
    ends = []
    for order in (arrivals, shuffle.sample(arrivals, len(arrivals))):
        with transaction.atomic():
            world()
            handed_over(BackOffice(), *(equity(f"E-{n}", quantity="100") for n in range(3)))
            reports = [
                Report(delivery(), kind, "LACK" if kind == "FAILED" else "", Decimal(n) if n else None)
                for kind, n in order
            ]
            for each in reports:
                report_status(reports=[each], actor=CLERK, now=LATER)
            settlement, settled = stands(delivery())
            report_status(reports=[Report(delivery(), "CANCELLATION_COMPLETED")], actor=CLERK, now=LATER)
            recall(delivery())
            ((left,),) = sql.rows(
                "SELECT coalesce(sum(quantity), 0) FROM settlement_obligation"
                " WHERE instruction_id IS NULL AND asset_kind = 'SECURITY'"
            )
            seal()
            told = [(each["kind"], Decimal(each["quantity"])) for each in lines_of(batches()[-1])]
            transaction.set_rollback(True)
        assert settled + left == 300
        assert told == [("NEW", left), ("CANCEL", left)]
        ends.append((settlement, settled, left))
    assert ends[0] == ends[1]


def test_cash_settles_in_part_as_well(office):
    handed_over(office, fx())
    rows = instructions_of(batches("CASH")[0], limit=10)
    euros = next(each for each in rows if each["asset"] == "EUR")
    report(office, euros["id"], "PARTIAL", quantity="0.01")
    left = euros["quantity"] - Decimal("0.01")
    recall(euros["id"])
    consent(office)
    assert [each["quantity"] for each in lines_of(seal()[0])] == [f"{left:.2f}"] * 2
