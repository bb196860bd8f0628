"""A block and its parts go together, and a part changes only in what is its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine

from core import sql
from core.http.problem import Problem
from tests.support.api import Api, pointers, problem
from tests.support.blocks import TWO, allocate, other_book, parts_of, post, ref
from tests.support.factories import check_everything, checked, codes_of, equity
from tests.support.records import CLERK, LATER, NOW, all_written, hold, state_of, version_of
from trades.lifecycle import State
from trades.services import allocation
from trades.services.change import Change, change_trades
from trades.services.recheck import recheck_trades
from trades.services.reject import reject_trade
from trades.services.repair import repair_trade
from trades.services.single_change import change_trade


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db: None) -> Api:
    other_book()
    return Api()


class TestTheBlockAndItsParts:
    def test_are_cancelled_together(self, api: Api) -> None:
        block = checked(equity())
        post(api, block, TWO)
        check_everything()
        answer = post(api, block, None, what="cancellations")
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
        assert [state_of(each) for each in (block, *parts_of(block))] == [(State.CANCELLED, 2)] * 3
        assert api.get(f"/trades/{ref(block)}").json()["parts"] == []

    def test_are_cancelled_together_in_bulk(self, api: Api) -> None:
        block = checked(equity("E-1"))
        post(api, block, TWO)
        body = {"reason": "called off", "items": [{"source": "FO-EQ", "source_ref": "E-1"}]}
        answer = api.post("/trade-cancellations", body)
        assert [each["status"] for each in answer.json()["items"]] == [200], answer.content
        assert [state_of(each)[0] for each in (block, *parts_of(block))] == [State.CANCELLED] * 3

    def test_a_request_cancels_blocks_up_to_a_bound(self, api: Api, monkeypatch: Any) -> None:
        monkeypatch.setattr(allocation, "MAX_AT_ONCE", 3)
        blocks = [checked(equity(quantity="100")) for _ in range(2)]
        for block in blocks:
            allocate(block)
        change_one, change_two = (Change("CANCEL", block, "r") for block in blocks)
        made, not_made = change_trades(changes=[change_one, change_two], actor=CLERK, at=LATER)
        assert made.problem is None
        assert not_made.problem is not None
        assert (not_made.problem.status, not_made.problem.code) == (413, "too-many-items")
        assert [state_of(block)[0] for block in blocks] == [State.CANCELLED, State.ALLOCATED]

    def test_no_part_leaves_alone(self, api: Api) -> None:
        block = checked(equity())
        post(api, block, TWO)
        one, two = parts_of(block)
        hold(two)
        before = all_written()
        told = problem(post(api, one, None, what="cancellations"), 409, "part-of-block")
        assert told["block"] == ref(block)
        problem(post(api, one, TWO), 409, "part-of-block")
        with pytest.raises(Problem) as caught:
            reject_trade(trade_id=two, version=1, reason="r", actor=CLERK, now=LATER)
        assert caught.value.code == "part-of-block"
        assert all_written() == before

    def test_what_parts_share_changes_in_none_alone(self, api: Api) -> None:
        block = checked(equity())
        post(api, block, TWO)
        check_everything()
        one, two = parts_of(block)
        body = {"changes": {"quantity": "61", "trader": "x"}}
        told = problem(post(api, one, None, what="amendments", **body), 409, "part-of-block")
        assert pointers(told) == ["/changes/gross_amount", "/changes/net_amount", "/changes/quantity"]
        assert "allocate it anew" in told["detail"]
        answer = post(api, one, None, what="amendments", changes={"book": "BOOK-2", "trader": "x"})
        assert answer.status_code == 200, answer.content
        (held,) = (two,)
        sql.run("DELETE FROM core_work")
        check_everything()
        assert state_of(held)[0] == State.VALIDATED

    def test_a_held_part_is_repaired_in_what_is_its_own(self, api: Api) -> None:
        block = checked(equity())
        post(api, block, [{"counterparty": "NOBODY", "quantity": "100"}])
        check_everything()
        (part,) = parts_of(block)
        assert "UNKNOWN_PARTY" in codes_of(part)
        fix = partial(repair_trade, trade_id=part, version=1, reason="r", actor=CLERK, now=LATER)
        with pytest.raises(Problem) as caught:
            fix(changes={"price": "187"})
        assert caught.value.code == "part-of-block"
        assert fix(changes={"counterparty": "CUST-01"}) == 2
        check_everything()
        assert state_of(part) == (State.VALIDATED, 2)
        recheck_trades(trade_ids=[part], reason="", actor=CLERK, now=LATER)
        check_everything()
        assert state_of(part)[0] == State.VALIDATED

    def test_an_allocated_block_is_not_amended_alone(self, api: Api) -> None:
        block = checked(equity())
        post(api, block, TWO)
        told = problem(post(api, block, None, what="amendments", changes={"price": "187"}), 409, "allocated")
        assert "Allocate it anew" in told["detail"]

    def test_parts_are_no_duplicates_of_their_block_or_of_each_other(self, api: Api) -> None:
        block = checked(equity("E-1"))
        post(api, block, [{"book": "BOOK-1", "quantity": "100"}])
        check_everything()
        post(api, block, [{"book": "BOOK-1", "quantity": "50"}] * 2)
        check_everything()
        assert [codes_of(each) for each in parts_of(block)] == [[], [], []]
        other = checked(equity("E-2", quantity="50"))
        assert codes_of(other) == ["POSSIBLE_DUPLICATE"]

    def test_parts_of_nearly_one_size_are_not_near_duplicates(self, api: Api) -> None:
        block = checked(equity("E-1", quantity="399", executed_at="2026-11-23T10:00:00Z"))
        post(api, block, [{"book": "BOOK-1", "quantity": each} for each in ("200", "199")])
        check_everything()
        assert [codes_of(each) for each in parts_of(block)] == [[], []]

    @pytest.mark.django_db
    def test_parts_came_with_their_block(self) -> None:
        other_book()
        block = checked(equity("E-1", executed_at="2026-11-23T10:00:00Z"))
        later = NOW + timedelta(days=2)
        change = Change("ALLOCATE", block, "as agreed", items=TWO)
        change_trade(change=change, actor=CLERK, now=later)
        check_everything(now=later)
        assert [codes_of(each) for each in parts_of(block)] == [[], []]


class TestABlockAndAPartInOneRequest:
    """One is changed after the other, in the order in which they are asked for."""

    def _changed(self, *changes: Change) -> list[str]:
        results = change_trades(changes=changes, actor=CLERK, at=LATER)
        return [each.problem.code if each.problem else each.outcome.value for each in results]

    def test_a_part_that_is_amended_goes_with_its_block_after_that(self, api: Api) -> None:
        block, one, two = self._allocated()
        amend = Change("AMEND", one, "as agreed", changes={"trader": "x"})
        assert self._changed(amend, Change("CANCEL", block, "called off")) == ["CHANGED", "CHANGED"]
        assert [state_of(each) for each in (block, one, two)] == [
            (State.CANCELLED, 2), (State.CANCELLED, 3), (State.CANCELLED, 2),
        ]  # fmt: skip
        assert version_of(one, 3)["trader"] == "x"

    def test_a_part_of_a_block_that_is_called_off_is_not_changed_any_more(self, api: Api) -> None:
        block, one, two = self._allocated()
        amend = Change("AMEND", one, "as agreed", changes={"trader": "x"})
        cancel, of_two = Change("CANCEL", block, "called off"), Change("CANCEL", two, "called off")
        assert self._changed(cancel, amend, of_two) == ["CHANGED", "cancelled", "cancelled"]
        assert [state_of(each) for each in (block, one, two)] == [(State.CANCELLED, 2)] * 3

    def test_what_is_asked_later_of_the_others_is_not_made_before(self, api: Api) -> None:
        block, one, two = self._allocated()
        first, last = (
            Change("AMEND", each, "as agreed", changes={"trader": each_trader})
            for each, each_trader in ((one, "x"), (two, "y"))
        )
        again = Change("ALLOCATE", block, "otherwise", items=[{"book": "BOOK-2", "quantity": "100"}])
        assert self._changed(first, again, last) == ["CHANGED", "CHANGED", "cancelled"]
        *_, three = parts_of(block)
        assert [state_of(each) for each in (block, one, two, three)] == [
            (State.ALLOCATED, 1), (State.CANCELLED, 3), (State.CANCELLED, 2), (State.CAPTURED, 1),
        ]  # fmt: skip

    def _allocated(self) -> tuple[int, int, int]:
        block = checked(equity())
        allocate(block)
        check_everything(now=LATER)
        one, two = parts_of(block)
        return block, one, two
