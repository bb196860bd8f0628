"""The role the product logs in as may do its work, and change nothing of what only grows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from core import seals, sql
from core.sight import seeing
from core.verification import verify
from tests.settlement.support import seal as seal_batches
from tests.settlement.support import validated
from tests.support.factories import equity, world
from tests.support.records import NOW

ROLE = "middleoffice app"  # a name that must be quoted


@contextmanager
def as_role() -> Iterator[None]:
    sql.run(f'SET LOCAL ROLE "{ROLE}"')
    yield
    sql.run("RESET ROLE")


@pytest.fixture
def role(db: None) -> None:
    for _ in range(2):  # it may be run again
        call_command("grant_app_role", ROLE, stdout=StringIO())


@pytest.mark.usefixtures("role")
class TestTheRole:
    def test_is_told_of_once_with_the_rights_it_was_given(self) -> None:
        ((actor, data),) = sql.rows("SELECT actor, data FROM core_event WHERE type = 'database_role.granted'")
        told = sql.json_value(data)
        assert (actor, told["key"], told["before"]) == ("system:grant_app_role", {"role": ROLE}, {})
        assert told["after"]["core_event"] == "INSERT, SELECT"
        assert told["after"]["core_work"] == "DELETE, INSERT, SELECT, UPDATE"

    def test_captures_seals_and_verifies(self) -> None:
        world()
        with as_role():
            validated(equity())
            assert seal_batches()
            assert seals.seal_events(now=NOW) > 0
            assert verify(connection).fault is None

    def test_reads_for_whoever_sees_a_part(self) -> None:
        made = world()
        validated(equity())
        with as_role():
            for books, count in (([made.book.id], 1), ([made.book.id + 1], 0)):
                with seeing(books):
                    assert sql.rows("SELECT count(*) FROM trades_state") == [(count,)]

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE core_event SET reason = ''",
            "DELETE FROM core_event",
            "TRUNCATE core_event",
            "UPDATE trades_version SET price = 0",
            "DELETE FROM trades_version",
            "DELETE FROM trades_state",
            "TRUNCATE trades_state",
            "DELETE FROM core_audit_seal",
            "UPDATE settlement_batch SET sha256 = ''",
            "TRUNCATE core_work",
            "SELECT setval('core_event_id_seq', 1)",
            "ALTER TABLE core_event DISABLE TRIGGER ALL",
            "DROP TABLE core_event",
            "SET session_replication_role = replica",
            "UPDATE django_migrations SET name = ''",
        ],
    )
    def test_is_refused(self, statement: str) -> None:
        refused = pytest.raises(ProgrammingError, match=r"permission denied|must be owner")
        with as_role(), refused, transaction.atomic():
            sql.run("SET LOCAL middleoffice.may_truncate = on")
            sql.run(statement)


@pytest.mark.django_db(transaction=True)
def test_a_connection_of_its_own_adds_and_changes_nothing():
    call_command("grant_app_role", ROLE, stdout=StringIO())
    try:
        settings = {**connection.get_connection_params(), "user": ROLE, "cursor_factory": None}
        settings.pop("password", None)
        own = psycopg2.connect(**settings)
        try:
            with own, own.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, actor, request_id, reason)"
                    " VALUES (now(), 1, 't', 's', 1, 'x', '', '')"
                )
            for statement in ("UPDATE core_event SET reason = 'x'", "TRUNCATE core_event"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege), own, own.cursor() as cursor:
                    cursor.execute(statement)
        finally:
            own.close()
        assert sql.rows("SELECT type, reason FROM core_event ORDER BY id") == [
            ("database_role.granted", ""),
            ("t", ""),
        ]
    finally:
        sql.run(f'DROP OWNED BY "{ROLE}"')
        sql.run(f'DROP ROLE "{ROLE}"')
