"""A change that comes before its deal is made, put before two people, or shown to a person; it is never lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from core import sql
from core.audit import Actor
from core.http.problem import Problem
from core.ids import TRADE, public_id
from core.models import Proposal
from tests.support.api import Api
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    equity,
    other_connection,
    world,
)
from tests.support.records import CLERK, LATER, NOW, all_written, events_of, person, state_of, version_of
from trades.lifecycle import State
from trades.models import ChangePolicy, EarlyChange, ExceptionItem
from trades.services.early import PUT_OFF, apply_queued
from trades.services.refused import answer_refused
from trades.services.single_change import approve_change, decline_change

D = Decimal
BAD = {"colour": "red"}
CHECKER = Actor("user:checker")


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db: None) -> Api:
    world()
    return Api()


def _say(api: Api, number: int, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send an amendment, or without changes a cancellation, of the deal E-1; return the answer to it."""
    item: dict[str, Any] = {"source": "FO-EQ", "source_ref": "E-1", "source_version": number}
    kind = "cancellations" if changes is None else "amendments"
    if changes is not None:
        item["changes"] = changes
    answer = api.post(f"/trade-{kind}", {"reason": "as agreed", "items": [item]}).json()
    return dict(answer["items"][0])


def _come(**changes: Any) -> int:
    """Have the deal come and everything done that waits for it; return its trade."""
    trade_id = checked(equity("E-1", source_version=1, **changes))
    _work()
    return trade_id


def _work() -> None:
    while check_everything(now=LATER) or apply_queued(now=LATER):
        pass


def _pending() -> list[Proposal]:
    return list(Proposal.objects.filter(state="PENDING"))


def _outcomes() -> list[tuple[str, str]]:
    return sql.rows("SELECT outcome, refusal <> '' FROM trades_early_change ORDER BY message_id")


def _decide(decide: Any, proposal: Proposal, name: str = "checker") -> None:
    decide(proposal_id=proposal.id, user=person(name), note="seen", actor=CHECKER, now=LATER)
    _work()


class TestWhatNeedsTwoPeople:
    def test_waits_for_the_second_when_its_deal_has_come(self, api: Api) -> None:
        ChangePolicy.objects.create(kind="AMEND", base_amount=D("1000"))
        assert _say(api, 2, {"quantity": "200"})["outcome"] == "WAITING"
        trade_id = _come()
        assert state_of(trade_id) == (State.VALIDATED, 1)
        (proposal,) = _pending()
        assert (proposal.subject_id, proposal.maker_client.name) == (trade_id, "front")
        assert proposal.content["source_version"] == 2
        assert proposal.content["told"]["/quantity"] == {"before": "100", "after": "200"}
        assert _say(api, 2, {"quantity": "200"})["outcome"] == "REPEATED"

    def test_is_made_when_it_is_approved_and_kept_as_any_other(self, api: Api) -> None:
        ChangePolicy.objects.create(kind="AMEND")
        _say(api, 3, {"quantity": "200"})
        trade_id = _come()
        _decide(approve_change, _pending()[0])
        assert state_of(trade_id) == (State.VALIDATED, 2)
        assert (version_of(trade_id, 2)["quantity"], _outcomes()) == (D(200), [])
        ChangePolicy.objects.all().delete()
        assert _say(api, 2, {"quantity": "150", "trader": "x"})["outcome"] == "CHANGED"
        assert (version_of(trade_id, 3)["quantity"], version_of(trade_id, 3)["trader"]) == (D(200), "x")

    def test_comes_to_nothing_when_it_is_declined(self, api: Api) -> None:
        ChangePolicy.objects.create(kind="CANCEL")
        _say(api, 3)
        trade_id = _come()
        _decide(decline_change, _pending()[0])
        assert (state_of(trade_id), _outcomes()) == ((State.VALIDATED, 1), [("DROPPED", False)])
        assert _say(api, 2, {"trader": "x"})["outcome"] == "CHANGED"
        assert _say(api, 4, {"trader": "y"})["outcome"] == "CHANGED"
        assert _pending() == []

    def test_is_not_made_by_what_comes_late_under_a_lower_number(self, api: Api) -> None:
        ChangePolicy.objects.create(kind="AMEND")
        _say(api, 3, {"quantity": "200"})
        trade_id = _come()
        ChangePolicy.objects.update(kind="CANCEL")
        assert _say(api, 2, {"trader": "x"})["outcome"] == "CHANGED"
        assert version_of(trade_id, 2)["quantity"] == D(100)

    def test_is_looked_at_again_when_the_deal_changes_meanwhile(self, api: Api) -> None:
        policy = ChangePolicy.objects.create(kind="AMEND")
        _say(api, 2, {"quantity": "200"})
        trade_id = _come()
        (first,) = _pending()
        policy.delete()
        assert _say(api, 3, {"trader": "x"})["outcome"] == "CHANGED"
        first.refresh_from_db()
        assert first.state == "VOID"
        _work()
        assert (version_of(trade_id, 3)["quantity"], _outcomes()) == (D(200), [])

    def test_of_one_deal_goes_one_after_the_other(self, api: Api) -> None:
        ChangePolicy.objects.create()
        for number in (4, 2, 3):
            _say(api, number, {"trader": str(number)})
        trade_id = _come()
        decided = []
        while waiting := _pending():
            (proposal,) = waiting
            number = proposal.content["source_version"]
            decided.append(number)
            _decide(decline_change if number == 3 else approve_change, proposal, f"checker-{number}")
        assert decided == [2, 3, 4]
        assert (state_of(trade_id), version_of(trade_id, 3)["trader"]) == ((State.VALIDATED, 3), "4")
        assert _outcomes() == [("DROPPED", False)]

    @pytest.mark.parametrize("order", list(itertools.permutations(["new", 2, 3])), ids=str)
    def test_ends_the_same_in_any_order(self, api: Api, order: Sequence[Any]) -> None:
        ChangePolicy.objects.create(base_amount=D("10000"))
        said = {2: {"quantity": "20"}, 3: {"price": "180"}}  # the deal is below the amount after the first
        for what in order:
            if what == "new":
                trade_id = _come()
            else:
                _say(api, what, said[what])
            _work()
        for number, proposal in enumerate(iter(lambda: next(iter(_pending()), None), None)):
            _decide(approve_change, proposal, f"checker-{number}")
        for number, changes in said.items():
            _ask_alone(api, trade_id, number, changes)
        version = version_of(trade_id, state_of(trade_id)[1])
        assert (version["quantity"], version["price"], version["net_amount"]) == (D(20), D(180), D(3600))
        assert (state_of(trade_id)[0], _outcomes()) == (State.VALIDATED, [])


@pytest.mark.django_db(transaction=True)
def test_what_somebody_locks_just_now_is_looked_at_a_little_later() -> None:
    world()
    api = Api()
    ChangePolicy.objects.create()
    _say(api, 2)
    trade_id = checked(equity("E-1", source_version=1))
    with other_connection() as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM trades_state WHERE trade_id = %s FOR UPDATE", [trade_id])
        assert apply_queued(now=LATER) == 2  # by the message and by the checks
        assert (_pending(), apply_queued(now=LATER)) == ([], 0)
        other.execute("ROLLBACK")
    assert apply_queued(now=LATER + PUT_OFF) == 1
    assert len(_pending()) == 1


def _ask_alone(api: Api, trade_id: int, number: int, changes: dict[str, Any]) -> None:
    """Say again what a bulk request was refused because it needs two people: by itself it waits for them."""
    path = f"/trades/{public_id(TRADE, trade_id)}"
    body = {"reason": "as agreed", "source_version": number, "changes": changes}
    api.post(f"{path}/amendments", body, headers={"If-Match": api.get(path)["ETag"]})
    for proposal in _pending():
        _decide(approve_change, proposal, f"alone-{number}")
    _work()


class TestWhatCannotBeApplied:
    def test_is_a_work_item_with_the_money_and_the_time_there_is(self, api: Api) -> None:
        _say(api, 2, BAD)
        trade_id = _come()
        item = ExceptionItem.objects.get()
        assert (item.kind, item.trade_id, item.codes, item.closed_at) == (
            "CHANGE", trade_id, ["CHANGE_REFUSED"], None,
        )  # fmt: skip
        assert item.summary.startswith(
            "The amendment 2, which came before its deal, cannot be applied: /chang"
        )
        assert (item.amount_at_risk, item.deadline is not None) == (D("17227.0000"), True)
        assert state_of(trade_id) == (State.VALIDATED, 1)
        ((*_, data),) = events_of(trade_id, "trade.change_refused")
        assert [each["pointer"] for each in data["errors"]] == ["/changes/colour"]

    def test_does_not_stand_in_the_way_of_what_comes_late_under_a_lower_number(self, api: Api) -> None:
        _say(api, 3, BAD)
        trade_id = _come()
        assert _say(api, 2, {"quantity": "50"})["outcome"] == "CHANGED"
        assert version_of(trade_id, 2)["quantity"] == D(50)

    def test_is_answered_by_a_person_once(self, api: Api) -> None:
        _say(api, 2, BAD)
        _say(api, 3, BAD | {"size": "big"})
        trade_id = _come()
        before = all_written()
        with pytest.raises(Problem) as refused:
            answer_refused(trade_id=trade_id, reason=" ", actor=CLERK, now=LATER)
        assert ([each.pointer for each in refused.value.faults], all_written()) == (["/reason"], before)
        assert answer_refused(trade_id=trade_id, reason="by phone", actor=CLERK, now=LATER) == 2
        item = ExceptionItem.objects.get()
        assert (item.closed_by, item.resolution) == ("user:clerk", "answered: by phone")
        ((*_, reason, _),) = events_of(trade_id, "trade.change_answered")
        assert (reason, _outcomes()) == ("by phone", [("DROPPED", True)] * 2)
        for known, status in ((trade_id, 409), (trade_id + 1, 404)):
            with pytest.raises(Problem) as again:
                answer_refused(trade_id=known, reason="again", actor=CLERK, now=LATER)
            assert again.value.status == status

    def test_is_applied_and_closed_when_it_is_sent_again_and_can_be(self, api: Api) -> None:
        ChangePolicy.objects.create()
        _say(api, 2, {"trader": "x"})
        (trade_id,) = captured_ids(equity("E-1", source_version=1))
        sql.run("UPDATE trades_change_policy SET kind = 'ANY'")
        check_everything()
        sql.run("UPDATE core_api_client SET name = 'renamed'")  # who sent it is not known when it is proposed
        apply_queued(now=LATER)
        assert (ExceptionItem.objects.get().closed_at, _outcomes()) == (None, [("REFUSED", True)])
        ChangePolicy.objects.all().delete()
        assert _say(api, 2, {"trader": "x"})["outcome"] == "CHANGED"
        assert version_of(trade_id, 2)["trader"] == "x"
        assert (ExceptionItem.objects.get().resolution, _outcomes()) == ("applied", [])

    def test_is_told_anew_in_the_same_item_when_there_is_more(self, api: Api) -> None:
        _say(api, 2, BAD)
        _come()
        _say(api, 3, BAD)  # the deal is there: refused at once, and nothing is kept
        assert ExceptionItem.objects.count() == 1
        assert EarlyChange.objects.count() == 1


class TestTheDealAsItFirstCame:
    @pytest.mark.parametrize("order", list(itertools.permutations([2, 4])), ids=str)
    def test_is_not_changed_by_what_is_older_whatever_came_between(self, api: Api, order: Any) -> None:
        trade_id = checked(equity("E-1", source_version=3))
        for number in order:
            _say(api, number, {"quantity": str(number), "trader" if number == 2 else "price": "7"})
        _work()
        version = version_of(trade_id, 2)
        assert (state_of(trade_id)[1], version["quantity"], version["trader"]) == (2, D(4), "jdoe")

    def test_is_not_called_off_by_what_is_older(self, api: Api) -> None:
        _say(api, 2)
        trade_id = checked(equity("E-1", source_version=3))
        _work()
        assert (state_of(trade_id), _outcomes()) == ((State.VALIDATED, 1), [("DROPPED", False)])
        assert _say(api, 6)["outcome"] == "CHANGED"
        assert _say(api, 5, {"trader": "late"})["outcome"] == "CHANGED"
        assert (state_of(trade_id)[0], version_of(trade_id, 3)["trader"]) == (State.CANCELLED, "late")
