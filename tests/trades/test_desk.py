"""One action on many work items says what became of each, and a preview of it says the same and keeps nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from tests.support.records import (
    CLERK,
    EQUITY,
    LATER,
    NOW,
    all_written,
    captured,
    events_of,
    held,
    person,
    race,
    reference_data,
    state_of,
)
from trades.lifecycle import State
from trades.models import Comment, ExceptionItem
from trades.services import attention
from trades.services.desk import ACTIONS, MAX_ITEMS, Asked, Result, act_on_exceptions
from trades.services.exceptions import claim_exceptions, close_exceptions, take_next

TOMORROW = NOW + timedelta(days=1)


def _item(trade_id: int) -> ExceptionItem:
    return ExceptionItem.objects.get(trade_id=trade_id)


def _held(*refs: str) -> list[int]:
    """Return the exceptions of new held trades."""
    return [_item(held(EQUITY, source_ref=ref)).id for ref in refs]


def _act(ids: list[int], action: str, *, dry_run: bool = False, now=LATER, **asked: Any) -> list[Result]:
    return act_on_exceptions(
        exception_ids=ids, asked=Asked(action, **asked), actor=CLERK, now=now, dry_run=dry_run
    )


def _outcomes(results: list[Result]) -> list[tuple[int, str]]:
    return [(each.exception_id, each.outcome) for each in results]


@pytest.fixture
def three(db) -> list[int]:
    """Return three items: open, open and owned by Bob, closed."""
    reference_data()
    ids = _held("A", "B", "C")
    claim_exceptions(exception_ids=[ids[1]], user=person("bob"), actor=CLERK, now=NOW)
    trade_id = ExceptionItem.objects.get(id=ids[2]).trade_id
    close_exceptions(trade_ids=[trade_id], resolution="x", closed_by=CLERK, at=NOW)
    return ids


def _asked_of(action: str) -> dict[str, Any]:
    """Return what is asked with an action, all of it right."""
    ann, _ = User.objects.get_or_create(username="ann")
    Group.objects.get_or_create(name="desk")
    given = {
        "reason": "because", "text": "look", "audience": "FRONT_OFFICE", "owner": "ann", "team": "desk",
        "until": TOMORROW, "root_cause": "late static data",
    }  # fmt: skip
    fields = {name: given[name] for name in ACTIONS[action].fields}
    return fields | ({"user": ann} if ACTIONS[action].for_people else {})


EXPECTED = {
    "claim": ["DONE", "REFUSED", "REFUSED"],
    "release": ["DONE", "REFUSED", "REFUSED"],
    "assign": ["DONE", "DONE", "REFUSED"],
    "comment": ["DONE", "DONE", "DONE"],
    "snooze": ["DONE", "DONE", "REFUSED"],
    "wake": ["UNCHANGED", "UNCHANGED", "REFUSED"],
    "root-cause": ["DONE", "DONE", "DONE"],
    "close": ["REFUSED", "REFUSED", "REFUSED"],
    "re-check": ["DONE", "DONE", "REFUSED"],
    "reject": ["DONE", "DONE", "REFUSED"],
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_item_has_its_result_in_the_order_asked(three: list[int], action: str) -> None:
    results = _act([999_999, *three, three[0]], action, **_asked_of(action))
    assert _outcomes(results) == [
        (999_999, "UNKNOWN"),
        *zip(three, EXPECTED[action], strict=True),
    ]
    assert all(each.detail for each in results if each.outcome in {"REFUSED", "UNKNOWN"})


@pytest.mark.parametrize("action", ACTIONS)
def test_a_preview_says_what_the_action_then_says_and_keeps_nothing(three: list[int], action: str) -> None:
    asked = _asked_of(action)
    before = all_written()
    foreseen = _act(three, action, dry_run=True, **asked)
    assert all_written() == before
    assert _act(three, action, **asked) == foreseen


@pytest.mark.parametrize(
    "action", [each for each in ACTIONS if each not in {"comment", "reject", "re-check"}]
)
def test_again_changes_nothing_more(three: list[int], action: str) -> None:
    asked = _asked_of(action)
    _act(three, action, **asked)
    before = all_written()
    assert {each.outcome for each in _act(three, action, **asked)} <= {"DONE", "UNCHANGED", "REFUSED"}
    assert all_written() == before


def test_the_statements_are_as_many_for_many_as_for_one(db, django_assert_num_queries) -> None:
    reference_data()
    ids = _held(*[f"N-{n}" for n in range(40)])
    for action in ("assign", "comment", "snooze", "root-cause"):
        asked = _asked_of(action)
        most = 2 + 1 + 5 * ("owner" in asked)  # savepoint; who it is, the change, telling the owner once
        with django_assert_num_queries(most):
            _act(ids[:1], action, **asked)
        sql.run("DELETE FROM core_notification")  # of the same request, which would count on
        with django_assert_num_queries(most):
            _act(ids, action, **asked)


class TestRefusals:
    @pytest.mark.parametrize(
        ("action", "asked", "pointers"),
        [
            ("juggle", {}, {"/action"}),
            ("claim", {}, {"/action"}),
            ("assign", {}, {"/owner", "/reason"}),
            ("assign", {"owner": "nobody", "team": "none", "reason": "x"}, {"/owner", "/team"}),
            ("comment", {"text": " ", "audience": "ALL"}, {"/text", "/audience"}),
            ("snooze", {"until": NOW}, {"/until", "/reason"}),
            ("snooze", {"until": LATER + timedelta(days=31), "reason": "x"}, {"/until"}),
            ("snooze", {"reason": "x"}, {"/until"}),
            ("root-cause", {"root_cause": "x" * 201}, {"/root_cause"}),
            ("re-check", {}, {"/reason"}),
            ("reject", {"reason": "a\0b"}, {"/reason"}),
        ],
    )
    def test_name_every_fault_and_change_nothing(self, three, action, asked, pointers) -> None:
        before = all_written()
        with pytest.raises(Problem) as refused:
            _act(three, action, **asked)
        assert refused.value.status == 422
        assert {fault.pointer for fault in refused.value.faults} == pointers
        assert all_written() == before

    def test_of_too_many_and_of_none(self, db) -> None:
        with pytest.raises(Problem) as refused:
            _act(list(range(1, MAX_ITEMS + 2)), "wake")
        assert refused.value.status == 413
        with pytest.raises(Problem) as refused:
            _act([], "wake")
        assert [fault.pointer for fault in refused.value.faults] == ["/ids"]


class TestEffects:
    def test_a_rejection_cancels_the_held_trades(self, three) -> None:
        trades = [ExceptionItem.objects.get(id=each).trade_id for each in three]
        _act(three, "reject", reason=" called off ")
        assert [state_of(each)[0] for each in trades] == [State.CANCELLED, State.CANCELLED, State.EXCEPTION]
        (event,) = events_of(trades[0], "trade.cancelled")
        assert (event[2], event[4]) == ("user:clerk", "called off")
        assert ExceptionItem.objects.get(id=three[0]).resolution == "rejected: called off"

    def test_a_re_check_sends_them_to_the_checks(self, three) -> None:
        trades = [ExceptionItem.objects.get(id=each).trade_id for each in three]
        _act(three, "re-check", reason="prices came")
        assert [state_of(each)[0] for each in trades] == [State.CAPTURED, State.CAPTURED, State.EXCEPTION]

    def test_what_is_not_held_is_neither_rejected_nor_re_checked(self, db) -> None:
        reference_data()
        trade_id = captured(EQUITY)
        item = ExceptionItem.objects.create(
            kind="FAIL",
            trade_id=trade_id,
            subject_id=trade_id,
            summary="s",
            opened_at=NOW,
            codes=["SETTLEMENT_FAILED"],
        )
        for action in ("reject", "re-check"):
            assert _outcomes(_act([item.id], action, reason="x")) == [(item.id, "REFUSED")]
        assert state_of(trade_id)[0] == State.CAPTURED

    def test_an_assignment_names_both_and_tells_whom(self, three) -> None:
        _act(three[:2], "assign", **_asked_of("assign"))
        item = ExceptionItem.objects.get(id=three[1])
        assert (item.owner.username, item.team.name, item.claimed_at) == ("ann", "desk", LATER)
        (event,) = events_of(item.trade_id, "exception.assigned")
        assert event[4] == "because"
        assert (event[5]["owner"], event[5]["team"]) == ("ann", "desk")

    def test_a_question_is_the_front_offices_move_and_an_internal_comment_nobodys(self, three) -> None:
        _act(three[:1], "comment", text="note", audience="INTERNAL")
        assert ExceptionItem.objects.get(id=three[0]).move == "OPERATIONS"
        _act(three, "comment", text="Is the price right?", audience="FRONT_OFFICE")
        assert [ExceptionItem.objects.get(id=each).move for each in three] == [
            "FRONT_OFFICE", "FRONT_OFFICE", "OPERATIONS",
        ]  # fmt: skip
        trade_id = ExceptionItem.objects.get(id=three[0]).trade_id
        (note,), (asked,) = events_of(trade_id, "exception.commented"), events_of(trade_id, "exception.asked")
        assert "text" not in note[5]
        assert asked[5]["text"] == "Is the price right?"
        assert Comment.objects.filter(audience="FRONT_OFFICE").count() == 3


class TestSnoozing:
    def test_hides_it_from_who_takes_the_next_until_its_moment(self, three) -> None:
        ann = person("carl")
        _act(three[:1], "snooze", until=TOMORROW, reason="client calls back")
        assert take_next(user=ann, actor=CLERK, now=LATER) is None
        assert take_next(user=ann, actor=CLERK, now=TOMORROW) == three[0]

    def test_ends_by_itself_and_says_so_once(self, three) -> None:
        _act(three[:1], "snooze", until=TOMORROW, reason="client calls back")
        assert attention.return_snoozed(now=LATER, actor=CLERK) == 0
        assert attention.return_snoozed(now=TOMORROW, actor=CLERK) == 1
        assert attention.return_snoozed(now=TOMORROW, actor=CLERK) == 0
        item = ExceptionItem.objects.get(id=three[0])
        assert (item.snoozed_until, item.snooze_reason) == (None, "")
        assert len(events_of(item.trade_id, "exception.returned")) == 1

    def test_is_ended_by_hand(self, three) -> None:
        _act(three[:1], "snooze", until=TOMORROW, reason="client calls back")
        assert _outcomes(_act(three[:1], "wake")) == [(three[0], "DONE")]
        assert ExceptionItem.objects.get(id=three[0]).snoozed_until is None


class TestEscalation:
    def test_comes_when_the_deadline_is_near_once_and_wakes_what_is_snoozed(self, three) -> None:
        ExceptionItem.objects.update(deadline=NOW + timedelta(hours=2), told_at=NOW)
        _act(three[:1], "snooze", until=TOMORROW, reason="client calls back")
        near = NOW + timedelta(hours=2) - attention.ESCALATE_AHEAD
        assert attention.escalate_due(now=near - timedelta(seconds=1), actor=CLERK) == 0
        assert attention.escalate_due(now=near, actor=CLERK) == 2
        assert attention.escalate_due(now=near, actor=CLERK) == 0
        item = ExceptionItem.objects.get(id=three[0])
        assert (item.escalated_at, item.snoozed_until) == (near, None)
        assert len(events_of(item.trade_id, "exception.escalated")) == 1
        assert ExceptionItem.objects.get(id=three[2]).escalated_at is None

    def test_of_what_has_no_deadline_never_comes(self, three) -> None:
        ExceptionItem.objects.update(deadline=None, told_at=NOW)
        assert attention.escalate_due(now=NOW + timedelta(days=900), actor=CLERK) == 0


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_many_who_claim_the_same_many_each_item_has_exactly_one_owner(self) -> None:
        reference_data()
        ids = _held(*[f"R-{n}" for n in range(8)])
        people = [person(f"p{n}") for n in range(5)]
        results = race(
            *[
                lambda p=p, n=n: _act(ids if n % 2 else ids[::-1], "claim", user=p)
                for n, p in enumerate(people)
            ]
        )
        for number in ids:
            won = [
                n
                for n, each in enumerate(results)
                for result in each
                if (result.exception_id, result.outcome) == (number, "DONE")
            ]
            assert len(won) == 1
            assert ExceptionItem.objects.get(id=number).owner == people[won[0]]

    def test_different_actions_crosswise_never_deadlock(self) -> None:
        reference_data()
        ids = _held(*[f"R-{n}" for n in range(6)])
        ann = person("zoe")
        results = race(
            lambda: _act(ids, "claim", user=ann),
            lambda: _act(ids[::-1], "comment", text="x"),
            lambda: _act(ids, "snooze", until=TOMORROW, reason="x"),
            lambda: attention.escalate_due(now=NOW, actor=CLERK),
            lambda: _act(ids[::-1], "root-cause", root_cause="x"),
        )
        assert [each for each in results if isinstance(each, Exception)] == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["claim", "release", "assign", "snooze", "wake", "comment"]), st.booleans()
        ),
        max_size=8,
    )
)
def test_whatever_is_done_each_change_has_one_event_and_a_preview_none(three: list[int], steps: Any) -> None:
    trade_id = ExceptionItem.objects.get(id=three[0]).trade_id
    for action, dry_run in steps:
        row = ExceptionItem.objects.filter(id=three[0]).values().get()
        count = len(events_of(trade_id))
        (result,) = _act(three[:1], action, dry_run=dry_run, **_asked_of(action))
        changed = ExceptionItem.objects.filter(id=three[0]).values().get() != row
        told = len(events_of(trade_id)) - count
        assert told == (not dry_run and (changed or (action == "comment" and result.outcome == "DONE")))
