"""One table says where a trade can stand and go; one function moves it there, with an event each."""

from __future__ import annotations

import itertools

import pytest

from core import sql, work
from core.audit import Actor
from tests.support.factories import captured_ids, checked, equity, exact_trade, settle, world
from tests.support.records import CLERK, LATER, NOW, all_written, events_of, state_of
from trades import lifecycle
from trades.lifecycle import (
    LIVE_STATES,
    TRANSITIONS,
    WAKES,
    ForbiddenMove,
    State,
    diagram,
    lock_trades,
    move_trades,
    transition,
)


def test_no_way_stands_twice_in_the_table():
    ways = [(each.source, each.target) for each in TRANSITIONS]
    assert len(set(ways)) == len(ways)


def test_every_state_can_be_reached_and_every_live_one_can_be_left():
    reached, front = {State.CAPTURED}, {State.CAPTURED}
    while front := {each.target for each in TRANSITIONS if each.source in front} - reached:
        reached |= front
    assert reached == set(State)
    assert {each.source for each in TRANSITIONS} == {*LIVE_STATES, State.ALLOCATED}


def test_nothing_leaves_settled_or_cancelled():
    assert set(State) - set(LIVE_STATES) == {State.SETTLED, State.CANCELLED, State.ALLOCATED}
    assert not {each for each in TRANSITIONS if each.source in {State.SETTLED, State.CANCELLED}}


def test_every_way_has_an_event_and_words():
    for each in TRANSITIONS:
        assert each.event.startswith("trade.")
        assert each.when


def test_the_diagram_shows_every_way():
    lines = diagram().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> CAPTURED: trade.captured"]
    for each in TRANSITIONS:
        assert f"    {each.source.name} --> {each.target.name}: {each.when}" in lines
    assert lines[-2:] == ["    SETTLED --> [*]", "    CANCELLED --> [*]"]


_FORBIDDEN = [
    pair
    for pair in itertools.product(State, State)
    if pair not in {(w.source, w.target) for w in TRANSITIONS}
]


@pytest.mark.parametrize(("source", "target"), _FORBIDDEN, ids=lambda state: state.name)
def test_a_way_that_is_not_in_the_table_is_forbidden_even_for_no_trades(source, target):
    with pytest.raises(ForbiddenMove, match=f"{source.name} to {target.name}"):
        move_trades(trade_ids=[], source=source, target=target, at=NOW, actor=CLERK)
    with pytest.raises(ForbiddenMove):
        transition(source, target)


@pytest.mark.django_db
class TestAMove:
    def _hold(self, *trade_ids: int, **how) -> list[int]:
        return move_trades(
            trade_ids=trade_ids, source=State.CAPTURED, target=State.EXCEPTION, at=LATER, actor=CLERK, **how
        )

    def test_writes_the_state_and_one_event_with_who_why_and_what(self):
        world()
        (trade_id,) = captured_ids(equity())
        assert self._hold(trade_id, reason="because", data={"n": 1}) == [trade_id]
        assert state_of(trade_id) == (State.EXCEPTION, 1)
        assert events_of(trade_id, "trade.held") == [
            ("trade.held", 1, "user:clerk", "req-1", "because", {"n": 1})
        ]
        assert sql.row("SELECT changed_at, checked_version FROM trades_state") == (LATER, 1)

    def test_answers_the_ids_that_moved_in_order_and_leaves_the_rest(self):
        world()
        ids = captured_ids(*[exact_trade(n) for n in range(5)])
        self._hold(ids[2])
        assert self._hold(*reversed(ids), 424242) == [ids[0], ids[1], ids[3], ids[4]]
        assert self._hold(*ids) == []
        assert [len(events_of(each, "trade.held")) for each in ids] == [1] * 5

    def test_moves_only_the_versions_that_were_looked_at(self):
        world()
        ids = captured_ids(*[exact_trade(n) for n in range(3)])
        assert self._hold(*ids, versions=[1, 2, 1]) == [ids[0], ids[2]]
        assert state_of(ids[1])[0] is State.CAPTURED

    def test_of_no_trades_is_no_statement(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert self._hold() == []

    @pytest.mark.parametrize(
        ("count", "how", "queries"), [(201, {}, 5), (300, {}, 5), (300, {"locked": True}, 4)]
    )
    def test_of_any_number_is_one_lock_one_statement_and_one_for_charges_matching_and_ageing_each(
        self, django_assert_num_queries, count, how, queries
    ):
        world()
        ids = captured_ids(*[exact_trade(n) for n in range(count)])
        with django_assert_num_queries(queries):
            assert self._hold(*ids, **how) == ids

    def test_back_to_captured_queues_the_checks(self):
        world()
        trade_id = checked(equity(counterparty="NOBODY"))
        assert not work.waiting(WAKES[State.CAPTURED])
        move_trades(trade_ids=[trade_id], source=State.EXCEPTION, target=State.CAPTURED, at=NOW, actor=CLERK)
        assert sql.rows("SELECT task, subject_ids FROM core_work") == [("risk.check", [trade_id])]

    def test_that_finds_nobody_queues_and_writes_nothing(self):
        world()
        trade_id = checked(equity())
        before = all_written()
        assert (
            move_trades(
                trade_ids=[trade_id], source=State.EXCEPTION, target=State.CAPTURED, at=NOW, actor=CLERK
            )
            == []
        )
        assert all_written() == before

    def test_runs_the_effects_of_its_arrival_in_the_same_transaction(self, monkeypatch):
        world()
        seen = []

        def fail(trade_ids, at, actor):
            seen.append((list(trade_ids), at, actor))
            raise RuntimeError("effect failed")

        monkeypatch.setitem(lifecycle._EFFECTS, State.EXCEPTION, [fail])
        ids = captured_ids(exact_trade(1), exact_trade(2))
        with pytest.raises(RuntimeError):
            self._hold(*ids)
        assert seen == [(ids, LATER, CLERK)]

    def test_marks_a_trade_that_the_checks_could_not_look_at(self):
        world()
        (trade_id,) = captured_ids(equity())
        self._hold(trade_id, checked=False)
        assert sql.row("SELECT checked_version FROM trades_state") == (0,)

    def test_all_the_way_to_settled_leaves_one_event_for_each_step(self):
        world()
        trade_id = checked(equity())
        assert settle([trade_id]) == [trade_id]
        assert [event[0] for event in events_of(trade_id)] == [
            "trade.captured", "trade.validated", "trade.instructed", "trade.handed_off", "trade.acknowledged",
            "trade.settled",
        ]  # fmt: skip

    def test_keeps_the_order_of_ids_in_the_log(self):
        world()
        ids = captured_ids(*[exact_trade(n) for n in range(20)])
        self._hold(*reversed(ids))
        logged = sql.rows("SELECT subject_id FROM core_event WHERE type = 'trade.held' ORDER BY id")
        assert [trade_id for (trade_id,) in logged] == ids

    def test_of_many_bears_the_same_transaction_in_state_and_log(self):
        world()
        ids = captured_ids(exact_trade(1), exact_trade(2))
        self._hold(*ids)
        assert sql.rows(
            "SELECT DISTINCT s.changed_xid = e.xid, s.changed_xid = pg_current_xact_id()::text::bigint"
            " FROM trades_state s JOIN core_event e ON e.subject_id = s.trade_id AND e.type = 'trade.held'"
        ) == [(True, True)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trades_version SET price = 1",
        "DELETE FROM trades_version",
        "DELETE FROM trades_state",
        "UPDATE core_event SET reason = 'nicer'",
        "DELETE FROM core_event",
    ],
)
def test_the_database_refuses_to_change_the_record(change):
    world()
    captured_ids(equity())
    with pytest.raises(Exception, match="its rows are never changed"):
        sql.run(change)


@pytest.mark.django_db
def test_a_lock_names_no_trade_twice_and_none_that_is_missing():
    world()
    (trade_id,) = captured_ids(equity())
    lock_trades([trade_id, trade_id, 424242])
    assert state_of(trade_id)[0] is State.CAPTURED


def test_an_actor_without_a_request_has_an_empty_one():
    assert Actor("user:x").request_id == ""
