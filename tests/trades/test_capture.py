"""Capture: the same bytes, order, events and work by whichever road a deal comes, and nothing after a failure."""

from __future__ import annotations

import msgspec
import pytest
from django.db import DatabaseError, transaction

from core import sql
from tests.support.factories import (
    FRONT_OFFICE,
    capture,
    captured_ids,
    check_everything,
    equity,
    exact_trade,
    fx,
    goods,
    limit,
    world,
)
from tests.support.records import NOW, all_written, state_of
from trades.lifecycle import State
from trades.products._reading import read_message
from trades.services import capture as capture_module
from trades.services.capture import ONE_STATEMENT_UP_TO, Outcome
from trades.services.dry_run import dry_run
from trades.services.load import RUN, load_trades

pytestmark = pytest.mark.django_db


def read(document):
    return read_message(msgspec.json.encode(document))


def load(*documents):
    """Load documents as a bulk post does."""
    messages = [read(each) for each in documents]
    runs = [messages[at : at + RUN] for at in range(0, len(messages), RUN)]
    return load_trades(runs=runs, expected=len(messages), actor=FRONT_OFFICE, at=NOW)


# What could go wrong on a way of its own: escapes of COPY and of array literals, empty against null, scripts.
AWKWARD = [
    {"source_ref": r"A\B"}, {"source_ref": r"\N"}, {"source_ref": r"\\"}, {"source_ref": r"\t\n\0"},
    {"source_ref": '"quoted"'}, {"source_ref": "{a,b}"}, {"source_ref": "NULL"}, {"source_ref": "'; --"},
    {"source_ref": "%s %(x)s"}, {"source_ref": "Ωλ 東京 🙂"}, {"source_ref": " spaced "}, {"source_ref": "\u2028"},
    {"source_ref": "\\."}, {"trader": ""}, {"trader": "\\"}, {"book": "\\N"}, {"counterparty": 'a"b\\c'},
    {"instrument": "\\x41"}, {"quantity": "1E+3"}, {"price": "0.0000000001"}, {"quantity": "-0"},
    {"executed_at": "2026-11-23T09:03:11.123456-05:00"}, {"source_version": 7}, {"settlement_date": None},
    {"fees": [{"type": 'T"\\', "amount": "1.50", "currency": "USD"}]},
]  # fmt: skip


def _awkward(prefix: str) -> list[dict[str, object]]:
    documents = [
        equity(f"{prefix}-{n}", **{**each, "source_ref": prefix + each.get("source_ref", f"-{n}")})
        for n, each in enumerate(AWKWARD)
    ]
    lines = [{"sku": 'S\\"', "description": "\\N 🙂", "quantity": "1.0", "unit_price": "2"}]
    return [*documents, fx(f"{prefix}-fx"), goods(f"{prefix}-goods", lines=lines)]


def _stored(prefix: str) -> list[tuple[object, ...]]:
    """Return every column of the trades of a prefix but what must differ, in the order of ids."""
    columns = [
        name
        for (name,) in sql.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'trades_version'"
            " AND column_name NOT IN ('trade_id', 'source_ref') ORDER BY 1"
        )
    ]
    return sql.rows(
        f"SELECT substr(source_ref, %s), {', '.join(f'{name}::text' for name in columns)}"
        " FROM trades_version WHERE starts_with(source_ref, %s) ORDER BY trade_id",
        [len(prefix) + 1, prefix],
    )


@pytest.mark.parametrize("road", [capture, load], ids=["copied", "loaded"])
def test_many_store_the_same_bytes_as_one_by_one(road):
    world()
    for document in _awkward("one"):
        capture(document)
    many = _awkward("two")
    filling = [exact_trade(n) for n in range(ONE_STATEMENT_UP_TO + 1)]
    assert {each.outcome for each in road(*many, *filling)} == {Outcome.CREATED}
    capture(*_awkward("few"))
    assert _stored("one") == _stored("two") == _stored("few")
    refs = [
        ref
        for (ref,) in sql.rows(
            "SELECT source_ref FROM trades_version WHERE starts_with(source_ref, 'two') ORDER BY trade_id"
        )
    ]
    assert refs == [each["source_ref"] for each in many]


@pytest.mark.parametrize("count", [1, 2, ONE_STATEMENT_UP_TO, ONE_STATEMENT_UP_TO + 1, 250])
@pytest.mark.parametrize("road", [capture, load])
class TestAnyNumber:
    def test_have_ids_in_the_order_of_the_messages(self, road, count):
        world()
        documents = [exact_trade(n) for n in reversed(range(count))]
        ids = [each.trade_id for each in road(*documents)]
        assert ids == sorted(set(ids))
        stored = sql.rows("SELECT source_ref FROM trades_version ORDER BY trade_id")
        assert [ref for (ref,) in stored] == [each["source_ref"] for each in documents]

    def test_have_one_state_one_event_and_work_in_the_same_transaction(self, road, count):
        world()
        ids = [each.trade_id for each in road(*[exact_trade(n) for n in range(count)])]
        xid = sql.row("SELECT pg_current_xact_id()::text::bigint")
        states = sql.rows(
            "SELECT trade_id, version, checked_version, state, changed_at FROM trades_state ORDER BY 1"
        )
        assert states == [(each, 1, None, State.CAPTURED.value, NOW) for each in ids]
        assert sql.rows(
            "SELECT type, subject, subject_id, version, actor, request_id, reason, data, recorded_at, xid"
            " FROM core_event ORDER BY id"
        ) == [
            ("trade.captured", "trade", each, 1, "client:front", "req-front-1", "", None, NOW, *xid)
            for each in ids
        ]
        assert sql.rows("SELECT DISTINCT changed_xid FROM trades_state") == [xid]
        queued = sql.row(
            "SELECT array_agg(n) FROM core_work, unnest(subject_ids) WITH ORDINALITY AS u(n, at)"
        )
        assert sorted(queued[0]) == ids

    def test_are_found_again_and_nothing_is_stored(self, road, count):
        world()
        documents = [exact_trade(n) for n in range(count)]
        first = road(*documents)
        before = all_written()
        again = road(*documents)
        assert [each.outcome for each in again] == [Outcome.EXISTING] * count
        assert [each.trade_id for each in again] == [each.trade_id for each in first]
        assert all_written() == before

    def test_leave_nothing_after_a_rollback(self, road, count):
        world()
        before = all_written()
        with transaction.atomic():
            road(*[exact_trade(n) for n in range(count)])
            transaction.set_rollback(True)
        assert all_written() == before

    def test_wake_the_checks_once_they_are_committed(
        self, road, count, django_capture_on_commit_callbacks, monkeypatch
    ):
        world()
        woken = []
        monkeypatch.setattr("core.wake._waker.wake", woken.append)
        with django_capture_on_commit_callbacks(execute=True):
            road(*[exact_trade(n) for n in range(count)])
            assert woken == []
        assert set(woken) == {"risk.check"}


@pytest.mark.parametrize("filling", [0, 300])
@pytest.mark.parametrize("road", [capture, load])
class TestDuplicatesWithinABatch:
    def test_the_first_makes_the_trade_and_the_others_find_it(self, road, filling):
        world()
        more = [exact_trade(n) for n in range(filling)]
        results = road(
            equity("A"), *more, equity("A"), equity("B", quantity="5"), equity("A", price="180"), fx("A")
        )
        first, again, other, conflict, foreign = results[0], *results[-4:]
        assert [each.outcome.name for each in (first, again, other, conflict, foreign)] == [
            "CREATED", "EXISTING", "CREATED", "CONFLICT", "CREATED",
        ]  # fmt: skip
        assert first.trade_id == again.trade_id == conflict.trade_id != other.trade_id
        assert (again.differing, conflict.differing) == ([], ["/price"])
        assert sql.row("SELECT count(*) FROM trades_version") == (filling + 3,)

    def test_some_may_be_known_already(self, road, filling):
        world()
        (known,) = capture(equity("A"))
        more = [exact_trade(n) for n in range(filling)]
        results = road(equity("B", quantity="5"), *more, equity("A"), equity("A", side="SELL"))
        assert [each.outcome.name for each in (results[0], *results[-2:])] == [
            "CREATED",
            "EXISTING",
            "CONFLICT",
        ]
        assert results[-1].trade_id == results[-2].trade_id == known.trade_id


@pytest.mark.parametrize("step", ["state", "event", "work"])
@pytest.mark.parametrize(("road", "count"), [(capture, 1), (capture, 3), (capture, 80), (load, 80)])
def test_a_failure_in_any_part_leaves_no_part(road, count, step):
    """The parts of a capture are one transaction: a table that refuses its part refuses the whole."""
    world()
    before = all_written()
    table = {"state": "trades_state", "event": "core_event", "work": "core_work"}[step]
    with pytest.raises(DatabaseError, match="not today"), transaction.atomic():
        sql.run(
            "CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'not today'; END $$"
        )
        sql.run(
            f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse()"
        )
        road(*[exact_trade(n) for n in range(count)])
    assert all_written() == before


def test_what_was_amended_since_is_still_the_deal_that_was_captured():
    world()
    (trade_id,) = captured_ids(equity("A"))
    sql.run(
        "INSERT INTO trades_version SELECT (jsonb_populate_record(v, jsonb_build_object("
        "'version', 2, 'price', 1, 'recorded_at', v.recorded_at + interval '1 minute'))).* FROM trades_version v"
    )
    sql.run("UPDATE trades_state SET version = 2")
    (again,) = capture(equity("A"))
    assert (again.outcome, again.trade_id) == (Outcome.EXISTING, trade_id)
    (conflict,) = capture(equity("A", price="1"))
    assert (conflict.outcome, conflict.differing) == (Outcome.CONFLICT, ["/price"])


def test_reference_data_that_has_moved_on_does_not_make_it_another_deal():
    of = world()
    capture(equity("A", settlement_date=None))
    of.apple.settlement_cycle = 5
    of.apple.multiplier = 10
    of.apple.save()
    of.broker.code = "RENAMED"
    of.broker.save()
    (again,) = capture(equity("A", settlement_date=None))
    assert again.outcome is Outcome.EXISTING


def test_being_overtaken_again_and_again_is_an_error_in_the_end(monkeypatch):
    world()
    monkeypatch.setattr(capture_module, "_insert", lambda *_: False)
    with pytest.raises(DatabaseError, match="overtaken 10 times"):
        capture(equity())


def test_a_dry_run_takes_everything_back_but_the_numbers():
    world()
    limit(hard="1")
    before = all_written()
    captured, findings = dry_run(message=read(equity()), actor=FRONT_OFFICE, at=NOW)
    assert (captured.outcome, [each["code"] for each in findings]) == (Outcome.CREATED, ["LIMIT_BREACH"])
    assert all_written() == before
    assert sql.rows("SELECT 1 FROM risk_utilisation") == []
    assert check_everything() == 0


@pytest.mark.parametrize("count", [1, 50, 51, 300])
def test_the_number_of_statements_does_not_depend_on_the_number_of_trades(
    django_assert_max_num_queries, count
):
    world()
    documents = [exact_trade(n) for n in range(count)]
    with django_assert_max_num_queries(8):
        capture(*documents)


def test_a_captured_trade_is_captured():
    world()
    (trade_id,) = captured_ids(equity())
    assert state_of(trade_id) == (State.CAPTURED, 1)
