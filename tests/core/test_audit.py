"""The log: an event for each subject, in the caller's transaction, never changed afterwards."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from core import sql
from core.audit import Actor, encode, record, system
from tests.support.records import NOW

pytestmark = pytest.mark.django_db
WHO = Actor("user:jdoe", "req-7")


def events() -> list[tuple[object, ...]]:
    return sql.rows(
        "SELECT type, subject, subject_id, version, actor, request_id, reason, data::text, recorded_at"
        " FROM core_event ORDER BY id"
    )


def test_an_event_tells_what_happened_to_whom_by_whom_and_why():
    record(
        type="thing.done",
        subject="thing",
        ids=[7],
        versions=[2],
        actor=WHO,
        at=NOW,
        reason="so",
        data={"n": Decimal("1.50")},
    )
    assert events() == [("thing.done", "thing", 7, 2, "user:jdoe", "req-7", "so", '{"n": "1.50"}', NOW)]


def test_many_subjects_are_one_statement_in_their_order(django_assert_num_queries):
    with django_assert_num_queries(1):
        record(type="t", subject="s", ids=[3, 1, 2], actor=WHO, at=NOW)
    assert [(event[2], event[3], event[7]) for event in events()] == [
        (3, None, None),
        (1, None, None),
        (2, None, None),
    ]


def test_no_subjects_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        record(type="t", subject="s", ids=[], actor=WHO, at=NOW)


def test_it_bears_the_transaction_that_wrote_it():
    record(type="t", subject="s", ids=[1], actor=WHO, at=NOW)
    assert sql.row("SELECT xid = pg_current_xact_id()::text::bigint FROM core_event") == (True,)


def test_it_goes_with_its_transaction():
    with transaction.atomic():
        record(type="t", subject="s", ids=[1], actor=WHO, at=NOW)
        transaction.set_rollback(True)
    assert events() == []


@pytest.mark.parametrize("change", ["UPDATE core_event SET reason = 'x'", "DELETE FROM core_event"])
def test_the_database_refuses_to_change_it(change):
    record(type="t", subject="s", ids=[1], actor=WHO, at=NOW)
    with pytest.raises(IntegrityError, match="is refused: its rows are never changed"), transaction.atomic():
        sql.run(change)
    assert len(events()) == 1


def test_a_part_of_the_system_is_an_actor():
    assert system("checks") == Actor("system:checks", "")


def test_values_are_encoded_without_floats():
    told = encode({"amount": Decimal("1.10"), "day": date(2026, 11, 23), "at": NOW, "text": 'a"b'})
    assert told == '{"amount":"1.10","day":"2026-11-23","at":"2026-11-23T14:00:00Z","text":"a\\"b"}'


def test_each_subject_may_have_data_of_its_own():
    record(type="t", subject="s", ids=[1, 2], actor=WHO, at=NOW, each=[{"n": 1}, {"n": 'a"\\ü'}])
    assert [event[7] for event in events()] == ['{"n": 1}', '{"n": "a\\"\\\\ü"}']


def guarded_tables() -> list[str]:
    return [
        name
        for (name,) in sql.rows(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgname IN ('append_only', 'never_deleted') ORDER BY 1"
        )
    ]


def test_the_database_refuses_to_empty_any_table_that_only_grows():
    record(type="t", subject="s", ids=[1], actor=WHO, at=NOW)
    sql.run("SET LOCAL middleoffice.may_truncate = off")
    tables = guarded_tables()
    assert {"core_event", "trades_version", "settlement_batch", "refdata_party"} <= set(tables)
    for table in tables:
        with pytest.raises(IntegrityError, match=r"TRUNCATE on \w+ is refused"), transaction.atomic():
            sql.run(f"TRUNCATE {table} CASCADE")
    assert len(events()) == 1
