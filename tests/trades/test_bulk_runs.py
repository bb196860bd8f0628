"""A bulk run is asked once, done once, keeps what became of each item, and can be taken back while nothing moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql, work
from core.http.problem import Problem
from ops.models import DeskScope
from ops.permissions import ensure_roles
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
from trades.models import BulkItem, BulkRun, ChangePolicy, ExceptionItem
from trades.services import bulk_run
from trades.services.bulk_run import advance_runs, foresee, start_run, stop_run, undo_run
from trades.services.change import Change, change_trades
from trades.services.desk import Asked
from trades.services.exceptions import close_exceptions
from trades.services.recheck import recheck_trades

TOMORROW = NOW + timedelta(days=1)


@pytest.fixture
def ann(db: None) -> User:
    reference_data()
    return _with_role(person("ann"), "operations")


def _with_role(user: User, *roles: str) -> User:
    ensure_roles()
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def _seen(*trade_ids: int) -> dict[int, str]:
    """Return the trades as somebody sees them now."""
    found = dict(
        sql.rows(
            "SELECT trade_id, version || '-' || (extract(epoch FROM changed_at) * 1000000)::bigint"
            " FROM trades_state WHERE trade_id = ANY(%s)",
            [list(trade_ids)],
        )
    )
    return {each: found.get(each, "") for each in trade_ids}


def _trades(ann: User, action: str, seen: dict[int, str], *, key: str = "k", **asked: Any) -> BulkRun:
    told = Asked(action, reason="because", user=ann, **asked)
    return start_run(subject="trade", seen=seen, asked=told, key=key, actor=CLERK, now=LATER)


def _items(ann: User, action: str, ids: list[int], *, key: str = "k", **asked: Any) -> BulkRun:
    return start_run(
        subject="exception",
        seen=dict.fromkeys(ids, ""),
        asked=Asked(action, user=ann, **asked),
        key=key,
        actor=CLERK,
        now=LATER,
    )


def _outcomes(run: BulkRun) -> list[tuple[int, str]]:
    return list(BulkItem.objects.filter(run=run).order_by("place").values_list("subject_id", "outcome"))


def _details(run: BulkRun) -> list[str]:
    return list(BulkItem.objects.filter(run=run).order_by("place").values_list("detail", flat=True))


def _held_items(*refs: str) -> list[int]:
    trades = [held(EQUITY, source_ref=ref) for ref in refs]
    return list(ExceptionItem.objects.filter(trade_id__in=trades).order_by("id").values_list("id", flat=True))


class TestOfTrades:
    def test_cancels_what_is_as_it_was_seen_and_says_why_not_of_the_rest(self, ann) -> None:
        kept, moved, gone = captured(EQUITY, source_ref="A"), held(EQUITY, source_ref="B"), 999_999
        seen = _seen(kept, moved, gone)
        recheck_trades(trade_ids=[moved], reason="", actor=CLERK, now=LATER)
        run = _trades(ann, "cancel", seen)
        assert _outcomes(run) == [(kept, "DONE"), (moved, "REFUSED"), (gone, "UNKNOWN")]
        assert "has changed" in _details(run)[1]
        assert (run.done, run.refused, run.state) == (1, 2, "DONE")
        assert [state_of(each)[0] for each in (kept, moved)] == [State.CANCELLED, State.CAPTURED]
        assert events_of(kept, "trade.cancelled")[0][4] == "because"

    def test_re_checks_what_is_held_whatever_its_state_was_and_not_what_was_amended(self, ann) -> None:
        a, b, c = held(EQUITY, source_ref="A"), held(EQUITY, source_ref="B"), captured(EQUITY, source_ref="C")
        seen = _seen(a, b, c)
        amend = Change("AMEND", b, "x", {"quantity": "77"})
        assert [each.problem for each in change_trades(changes=[amend], actor=CLERK, at=LATER)] == [None]
        run = _trades(ann, "re-check", seen)
        assert _outcomes(run) == [(a, "DONE"), (b, "REFUSED"), (c, "REFUSED")]
        assert _details(run)[1:] == [
            "The trade has changed since you saw it: you have seen version 1, it has version 2.",
            "The trade is captured.",
        ]

    def test_puts_to_a_second_person_what_the_policy_says_up_to_its_room(self, ann, monkeypatch) -> None:
        ChangePolicy.objects.create(kind="CANCEL")
        trades = [captured(EQUITY, source_ref=ref) for ref in "ABC"]
        monkeypatch.setattr(bulk_run, "PROPOSED_MAX", 2)
        asked = Asked("cancel", reason="because", user=ann)
        before = all_written()
        foreseen = foresee(subject="trade", seen=_seen(*trades), asked=asked, actor=CLERK, now=LATER)
        assert all_written() == before
        run = _trades(ann, "cancel", _seen(*trades))
        assert _outcomes(run) == [(each, foreseen[each][0]) for each in trades]
        assert [outcome for _, outcome in _outcomes(run)] == ["PROPOSED", "PROPOSED", "REFUSED"]
        assert sql.rows("SELECT subject_id, reason, maker_id FROM core_proposal ORDER BY 1") == [
            (each, "because", ann.pk) for each in trades[:2]
        ]
        assert [state_of(each)[0] for each in trades] == [State.CAPTURED] * 3

    def test_tells_the_log_who_when_and_why_and_for_what_it_was_done(self, ann) -> None:
        _trades(ann, "cancel", _seen(captured(EQUITY)), key="one")
        run = _trades(
            ann, "cancel", _seen(captured(EQUITY, source_ref="B"), captured(EQUITY, source_ref="C"))
        )
        told = sql.rows(
            "SELECT type, subject_id, actor, reason, recorded_at FROM core_event WHERE subject = 'bulk_run'"
            " ORDER BY id"
        )
        assert told == [
            (f"bulk_run.{what}", run.id, CLERK.name, "because", LATER) for what in ("asked", "finished")
        ]


class TestOnce:
    def test_is_done_for_a_form_that_is_sent_twice(self, ann) -> None:
        seen = _seen(captured(EQUITY))
        run = _trades(ann, "cancel", seen)
        before = all_written()
        assert _trades(ann, "cancel", seen) == run
        assert all_written() == before

    def test_is_not_done_for_a_form_that_says_something_else_by_now(self, ann) -> None:
        a, b = captured(EQUITY, source_ref="A"), captured(EQUITY, source_ref="B")
        _trades(ann, "cancel", _seen(a))
        with pytest.raises(Problem) as caught:
            _trades(ann, "cancel", _seen(a, b))
        assert (caught.value.status, caught.value.code) == (409, "sent-before")
        assert state_of(b)[0] == State.CAPTURED

    def test_keys_of_two_people_are_two(self, ann) -> None:
        ids = _held_items("A")
        first = _items(ann, "claim", ids)
        second = _items(person("bob"), "claim", ids)
        assert (first.done, second.done, second.refused) == (1, 0, 1)

    @pytest.mark.concurrency
    @pytest.mark.django_db(transaction=True)
    def test_is_done_for_a_form_that_is_sent_many_times_at_once(self, ann) -> None:
        ids = _held_items("A", "B")
        runs = race(*[lambda: _items(ann, "comment", ids, text="look") for _ in range(4)])
        assert {each.id for each in runs} == {runs[0].id}
        assert sql.row("SELECT count(*) FROM trades_comment") == (2,)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_people_who_cancel_the_same_cancel_each_once(self, ann) -> None:
        trades = [captured(EQUITY, source_ref=ref) for ref in "ABCD"]
        bob = person("bob")
        seen = _seen(*trades)
        first, second = race(
            lambda: _trades(ann, "cancel", seen),
            lambda: _trades(bob, "cancel", dict(reversed(seen.items()))),
        )
        assert (first.done + second.done, first.refused + second.refused) == (4, 4)
        assert [state_of(each) for each in trades] == [(State.CANCELLED, 2)] * 4

    def test_workers_share_a_run_and_do_each_item_once(self, ann, large) -> None:
        run = _items(ann, "comment", large, text="look")

        def work_on() -> None:
            while advance_runs(now=LATER):
                pass

        race(*[work_on] * 3)
        while advance_runs(now=LATER):  # what a worker found locked was not its to wait for
            pass
        run.refresh_from_db()
        assert (run.done, run.state) == (7, "DONE")
        assert sql.row("SELECT count(*), count(DISTINCT exception_id) FROM trades_comment") == (7, 7)


class TestRefusals:
    def test_name_what_is_missing_and_start_nothing(self, ann) -> None:
        trade = captured(EQUITY)
        before = all_written()
        with pytest.raises(Problem) as caught:
            start_run(
                subject="trade",
                seen={trade: ""},
                asked=Asked("cancel", user=ann),
                key="k",
                actor=CLERK,
                now=LATER,
            )
        assert {each.pointer for each in caught.value.faults} == {"/reason"}
        with pytest.raises(Problem) as caught:
            _trades(ann, "cancel", {})
        assert {each.pointer for each in caught.value.faults} == {"/ids"}
        with pytest.raises(Problem) as caught:
            _trades(ann, "cancel", dict.fromkeys(range(1, bulk_run.MAX_ITEMS + 2), ""))
        assert caught.value.status == 413
        with pytest.raises(Problem) as caught:
            _trades(ann, "juggle", {trade: ""})
        assert {each.pointer for each in caught.value.faults} == {"/action"}
        assert all_written() == before
        assert not BulkRun.objects.exists()


@pytest.fixture
def large(ann, monkeypatch) -> list[int]:
    """Return items of a run that workers do, three at a time."""
    monkeypatch.setattr(bulk_run, "AT_ONCE", 2)
    monkeypatch.setattr(bulk_run, "CHUNK", 3)
    return _held_items(*"ABCDEFG")


class TestByWorkers:
    def test_goes_on_chunk_by_chunk_to_the_end(self, ann, large) -> None:
        run = _items(ann, "assign", large, owner="ann", reason="x")
        assert (run.position, run.state) == (0, "RUNNING")
        progress = []
        while advance_runs(now=LATER):
            run.refresh_from_db()
            progress.append((run.position, run.done, run.state))
        assert progress == [(3, 3, "RUNNING"), (6, 6, "RUNNING"), (7, 7, "DONE")]
        assert ExceptionItem.objects.filter(owner=ann).count() == 7
        assert not work.waiting(bulk_run.TASK)

    def test_stops_when_it_is_told_and_keeps_what_it_has_done(self, ann, large) -> None:
        run = _items(ann, "claim", large)
        advance_runs(now=LATER)
        stop_run(run_id=run.id, actor=CLERK, now=LATER)
        while advance_runs(now=LATER):
            pass
        assert [outcome for _, outcome in _outcomes(run)] == ["DONE"] * 3 + [""] * 4
        with pytest.raises(Problem) as caught:
            stop_run(run_id=run.id, actor=CLERK, now=LATER)
        assert caught.value.status == 409

    def test_refuses_the_rest_when_what_was_asked_is_not_right_any_more(self, ann, large) -> None:
        bob = person("bob")
        run = _items(ann, "assign", large, owner="bob", reason="x")
        advance_runs(now=LATER)
        User.objects.filter(pk=bob.pk).update(is_active=False)
        while advance_runs(now=LATER):
            pass
        run.refresh_from_db()
        assert (run.done, run.refused, run.state) == (3, 4, "DONE")
        assert _details(run)[3:] == ["There is no such active user."] * 4

    @pytest.mark.parametrize("what", ["switched off", "of another role"])
    def test_stops_when_who_asked_may_not_do_it_any_more(self, ann, large, what) -> None:
        run = _items(ann, "claim", large)
        advance_runs(now=LATER)
        if what == "switched off":
            User.objects.filter(pk=ann.pk).update(is_active=False)
        else:
            _with_role(ann, "auditor")
        while advance_runs(now=LATER):
            pass
        run.refresh_from_db()
        assert (run.done, run.state, run.finished_at) == (3, "STOPPED", LATER)
        assert run.why == "Who asked for it may not do this any more."
        assert [outcome for _, outcome in _outcomes(run)] == ["DONE"] * 3 + [""] * 4
        assert not work.waiting(bulk_run.TASK)
        ((told,),) = sql.rows("SELECT data->>'why' FROM core_event WHERE type = 'bulk_run.finished'")
        assert told == run.why

    def test_leaves_what_who_asked_does_not_see_any_more(self, ann, large) -> None:
        run = _items(ann, "claim", large)
        advance_runs(now=LATER)
        DeskScope.objects.create(user=ann, desks=[])
        while advance_runs(now=LATER):
            pass
        run.refresh_from_db()
        assert (run.done, run.refused, run.state) == (3, 4, "DONE")
        assert _details(run)[3:] == ["Who asked for it does not see it any more."] * 4
        assert ExceptionItem.objects.filter(owner=ann).count() == 3

    def test_is_failed_when_a_chunk_fails_again_and_again(self, ann, large, monkeypatch) -> None:
        run = _items(ann, "claim", large)

        def fail(**_: Any) -> None:
            raise ValueError

        monkeypatch.setattr(bulk_run, "act_on_exceptions", fail)
        for tries in range(work.MAX_ATTEMPTS + 1):
            advance_runs(now=LATER + timedelta(hours=tries))
        run.refresh_from_db()
        assert (run.state, run.position) == ("FAILED", 0)
        assert not ExceptionItem.objects.filter(owner=ann).exists()

    def test_forgets_its_items_in_time_and_never_its_figures(self, ann, large) -> None:
        run = _items(ann, "claim", large[:2])
        _items(ann, "claim", large, key="goes on")
        assert bulk_run.forget_named_items(now=LATER + timedelta(days=90)) == 0
        assert bulk_run.forget_named_items(now=LATER + timedelta(days=91)) == 2
        assert (_outcomes(run), BulkRun.objects.get(id=run.id).done) == ([], 2)


class TestUndo:
    def _undo(self, run: BulkRun, user: User, *, key: str = "u", after: int = 30) -> BulkRun:
        at = LATER + timedelta(seconds=after)
        return undo_run(run_id=run.id, user=user, key=key, actor=CLERK, now=at)

    def test_puts_items_back_as_they_were_and_says_so_in_the_log(self, ann) -> None:
        (number,) = _held_items("A")
        bob = person("bob")
        _items(bob, "claim", [number])
        before = ExceptionItem.objects.filter(id=number).values().get()
        run = _items(ann, "assign", [number], owner="ann", reason="x", key="2")
        undone = self._undo(run, ann)
        assert ExceptionItem.objects.filter(id=number).values().get() == before
        assert (undone.action, undone.undoes_id, undone.done) == ("undo", run.id, 1)
        last = events_of(before["trade_id"])[-1]
        assert (last[0], last[4], last[5]["owner"], last[5]["undoes"]) == (
            "exception.assigned", "undone", "bob", run.id,
        )  # fmt: skip

    def test_leaves_what_has_moved_since_or_is_closed_or_never_changed(self, ann) -> None:
        a, b, c, d = _held_items(*"ABCD")
        _items(ann, "claim", [d])
        run = _items(ann, "claim", [a, b, c, d], key="2")
        _items(person("bob"), "assign", [a], owner="bob", reason="x", key="3")
        close_exceptions(
            trade_ids=[ExceptionItem.objects.get(id=b).trade_id], resolution="x", closed_by=CLERK, at=LATER
        )
        undone = self._undo(run, ann)
        assert _outcomes(undone) == [(a, "REFUSED"), (b, "REFUSED"), (c, "DONE"), (d, "UNCHANGED")]
        assert _details(undone)[:2] == ["Somebody has changed it since.", "It is closed."]
        owners = [each.owner and each.owner.username for each in ExceptionItem.objects.order_by("id")]
        assert owners == ["bob", "ann", None, "ann"]

    def test_of_a_snooze_brings_back_the_one_before(self, ann) -> None:
        (number,) = _held_items("A")
        for key, until, reason in (("1", TOMORROW, "first"), ("2", TOMORROW + timedelta(hours=1), "second")):
            run = _items(ann, "snooze", [number], until=until, reason=reason, key=key)
        self._undo(run, ann)
        item = ExceptionItem.objects.get(id=number)
        assert (item.snoozed_until, item.snooze_reason) == (TOMORROW, "first")

    def test_again_is_the_same_and_of_an_undo_there_is_none(self, ann) -> None:
        run = _items(ann, "claim", _held_items("A"))
        undone = self._undo(run, ann)
        assert self._undo(run, ann, key="other") == undone
        with pytest.raises(Problem) as caught:
            self._undo(undone, ann, key="third")
        assert caught.value.code == "too-late"

    def test_is_for_who_did_it_for_a_minute_and_for_what_can_be_taken_back(self, ann) -> None:
        ids = _held_items("A")
        claim = _items(ann, "claim", ids)
        said = _items(ann, "comment", ids, text="look", key="2")
        for run, user, after, status in (
            (claim, person("bob"), 1, 403),
            (claim, ann, 61, 409),
            (said, ann, 1, 409),
        ):
            with pytest.raises(Problem) as caught:
                self._undo(run, user, after=after)
            assert caught.value.status == status
        with pytest.raises(Problem) as caught:
            undo_run(run_id=999, user=ann, key="k", actor=CLERK, now=LATER)
        assert caught.value.status == 404


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from(["claim", "release", "snooze", "wake", "assign"]),
            st.lists(st.integers(0, 3), min_size=1, unique=True),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_was_done_taken_back_at_once_is_as_if_it_had_not_been(ann: User, asked: Any) -> None:
    ids = list(ExceptionItem.objects.order_by("id").values_list("id", flat=True)) or _held_items(*"ABCD")
    people = {False: ann, True: User.objects.get_or_create(username="bob")[0]}
    count = BulkRun.objects.count()
    for n, (action, places, other) in enumerate(asked):
        fields: dict[str, Any] = {
            "snooze": {"until": TOMORROW, "reason": "x"},
            "assign": {"owner": "bob", "reason": "x"},
        }.get(action, {})
        before = list(ExceptionItem.objects.order_by("id").values())
        run = _items(people[other], action, [ids[each] for each in places], key=f"{count}-{n}", **fields)
        assert run.done + run.unchanged + run.refused == run.items == len(places)
        if run.done and n % 2:
            undo_run(run_id=run.id, user=people[other], key=f"{count}-{n}u", actor=CLERK, now=LATER)
            assert list(ExceptionItem.objects.order_by("id").values()) == before
