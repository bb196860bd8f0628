"""Whoever bends the log is found: the first row that is not what was sealed is named."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from core import seals, sql
from core.models import AuditSeal, Event
from core.verification import Fault, verify
from tests.support.factories import captured_ids, equity, fx, world
from tests.support.sealing import Bender, bend, seal, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seal a few trades and other events in ranges of ten; return the ids of the events."""
    monkeypatch.setattr(seals, "IDS_PER_SEAL", 10)
    world()
    tell(*range(1, 8), reason="a reason", data={"n": "1.50"})
    captured_ids(*(equity() for _ in range(6)), *(fx() for _ in range(6)))
    tell(*range(1, 12))
    seal()
    return list(Event.objects.order_by("id").values_list("id", flat=True))


def fault() -> Fault | None:
    return verify(connection).fault


def test_an_untouched_log_is_as_it_was_sealed(log):
    tell(1)
    outcome = verify(connection)
    assert (outcome.fault, outcome.events, outcome.unsealed) == (None, len(log), 1)
    assert (outcome.seals, outcome.last_hash) == (
        AuditSeal.objects.count(),
        AuditSeal.objects.get(sequence=AuditSeal.objects.count()).hash,
    )


def test_an_empty_log_is_in_order():
    assert verify(connection).fault is None


class TestNamesTheFirstBadRow:
    @pytest.mark.parametrize(
        "column", ["recorded_at = now()", "xid = 1", "actor = 'user:x'", "reason = ''", "data = NULL"]
    )
    def test_that_was_changed(self, log, column):
        bend(f"UPDATE core_event SET {column} WHERE id IN (%s, %s)", [log[6], log[3]])
        assert fault() == Fault(f"core_event {log[3]}", "was changed")

    def test_that_is_missing(self, log):
        bend("DELETE FROM core_event WHERE id = %s", [log[5]])
        assert fault() == Fault(f"core_event {log[5]}", "is missing")

    def test_that_was_inserted(self, log):
        (hole,) = sql.rows("SELECT min(id) - 1 FROM core_event")[0]
        bend("UPDATE core_event SET id = %s WHERE id = %s", [hole, log[-1]])
        assert fault() == Fault(f"core_event {hole}", "was inserted")

    def test_that_stands_twice(self, log):
        bend(
            "INSERT INTO core_event (id, recorded_at, xid, type, subject, subject_id, actor, request_id, reason)"
            " OVERRIDING SYSTEM VALUE VALUES (%s, now(), 1, 'x', 'x', 999999, 'x', '', '')",
            [log[4]],
        )
        found = fault()
        assert found is not None
        assert found.row == f"core_event {log[4]}"

    def test_that_changed_places_with_another(self, log):
        bend("UPDATE core_event SET id = CASE id WHEN %s THEN %s ELSE %s END WHERE id IN (%s, %s)",
             [log[2], log[9], log[2], log[2], log[9]])  # fmt: skip
        assert fault() == Fault(f"core_event {log[2]}", "was changed")

    def test_after_which_all_were_numbered_anew(self, log):
        bend("UPDATE core_event SET id = id + 1 WHERE id >= %s", [log[8]])
        assert fault() == Fault(f"core_event {log[8]}", "is missing")

    def test_of_a_table_that_was_emptied(self, log):
        sql.run("TRUNCATE core_event")
        assert fault() == Fault(f"core_event {log[0]}", "is missing")

    def test_whose_terms_were_changed(self, log):
        ((trade_id,),) = sql.rows("SELECT min(trade_id) FROM trades_version")
        bend("UPDATE trades_version SET price = price + 0.01 WHERE trade_id = %s", [trade_id])
        assert fault() == Fault(f"trades_version {trade_id} 1", "was changed")

    def test_whose_terms_are_missing(self, log):
        ((trade_id,),) = sql.rows("SELECT max(trade_id) FROM trades_version")
        bend("DELETE FROM trades_version WHERE trade_id = %s", [trade_id])
        assert fault() == Fault(f"trades_version {trade_id} 1", "is missing")

    def test_of_terms_that_no_event_tells_of(self, log):
        ((trade_id,),) = sql.rows("SELECT max(trade_id) FROM trades_version")
        bend("UPDATE trades_version SET trade_id = trade_id WHERE false")
        sql.run(
            "INSERT INTO trades_version SELECT r.* FROM trades_version v,"
            ' jsonb_populate_record(v, \'{"version": 2, "recorded_at": "2100-01-01T00:00Z"}\') r'
            " WHERE v.trade_id = %s",
            [trade_id],
        )
        assert fault() == Fault(f"trades_version {trade_id} 2", "was inserted: no event tells of it")

    def test_that_is_a_seal(self, log):
        bend("UPDATE core_audit_seal SET sealed_at = sealed_at + interval '1 day' WHERE sequence = 2")
        assert fault() == Fault("core_audit_seal 2", "was changed: its hash is another")

    def test_that_is_a_missing_seal(self, log):
        bend("DELETE FROM core_audit_seal WHERE sequence = 2")
        assert fault() == Fault("core_audit_seal 2", "is missing")

    def test_that_was_sealed_anew_after_a_change(self, log):
        """Hashing the range again is not enough: the next seal follows from the one that was there."""
        bend("UPDATE core_event SET reason = 'bent' WHERE id = %s", [log[0]])
        made = AuditSeal.objects.get(sequence=1)
        kept = {name: getattr(made, name) for name in ("event_count", "record_count", "total_count")}
        bend("DELETE FROM core_audit_seal")
        seal()
        anew = AuditSeal.objects.get(sequence=1)
        assert {name: getattr(anew, name) for name in kept} == kept
        assert anew.hash != made.hash


def all_found(log: list[int], *, seed: int, times: int) -> None:
    bender = Bender(seed)
    missed = []
    for at in range(times):
        with transaction.atomic():
            done = bender.change()
            if fault() is None:
                missed.append((at, done))
            transaction.set_rollback(True)
    assert missed == []
    assert fault() is None


def test_300_random_changes_are_all_found(log):
    all_found(log, seed=20261123, times=300)


@pytest.mark.nightly
def test_10_000_random_changes_are_all_found(log):
    all_found(log, seed=3, times=10_000)


class TestTheCommand:
    def test_says_that_all_is_well(self, log):
        out = StringIO()
        call_command("verify_audit", stdout=out)
        assert out.getvalue().startswith(
            f"{len(log)} events in {AuditSeal.objects.count()} seals are as they"
        )

    def test_ends_with_status_1_and_the_row(self, log):
        bend("UPDATE core_event SET reason = 'x' WHERE id = %s", [log[3]])
        with pytest.raises(CommandError, match=f"core_event {log[3]} was changed") as raised:
            call_command("verify_audit", stdout=StringIO())
        assert raised.value.returncode == 1


def test_a_column_that_is_added_later_changes_no_sealed_row(log):
    sql.run("ALTER TABLE trades_version ADD COLUMN later text NOT NULL DEFAULT 'x'")
    tell(1)
    seal()
    assert fault() is None


def test_sealing_by_command_seals_all(log):
    tell(1, 2)
    out = StringIO()
    call_command("seal_audit", stdout=out)
    assert out.getvalue() == "2 events sealed.\n"
    assert verify(connection).unsealed == 0
