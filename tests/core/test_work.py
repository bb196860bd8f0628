"""Work waits in PostgreSQL: claimed oldest first, once at a time, gone with its effect, back after a failure."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection, transaction

from core import sql, work
from core.tasks import sweep
from tests.support.factories import other_connection, wait_for
from tests.support.records import NOW

pytestmark = pytest.mark.django_db
TASK = "tests.task"


def rows() -> list[tuple[object, ...]]:
    return sql.rows("SELECT subject_ids, attempts, not_before FROM core_work ORDER BY id")


def claim(limit: int = 100, *, at=NOW, task: str = TASK) -> list[int]:
    return work.claim(task, limit=limit, now=at).subject_ids


def test_subjects_are_queued_in_rows_of_at_most_a_thousand_and_claimed_in_their_order():
    work.enqueue(TASK, list(range(2_500)))
    assert [len(subjects) for subjects, _, _ in rows()] == [1_000, 1_000, 500]
    assert claim(2_500) == list(range(2_500))


def test_no_subjects_are_no_row():
    work.enqueue(TASK, [])
    assert rows() == []


@pytest.mark.parametrize(("limit", "taken"), [(1, 2), (2, 2), (3, 3), (4, 5), (99, 5)])
def test_a_claim_takes_whole_rows_until_it_has_enough(limit, taken):
    for subjects in ([1, 2], [3], [4, 5]):
        work.enqueue(TASK, subjects)
    assert claim(limit) == [1, 2, 3, 4, 5][:taken]


def test_a_claim_is_of_one_task_only():
    work.enqueue(TASK, [1])
    work.enqueue("tests.other", [2])
    assert claim() == [1]
    assert work.waiting("tests.other")
    assert not work.waiting("tests.nothing")
    assert sorted(work.tasks_waiting(now=NOW)) == ["tests.other", TASK]


def test_nothing_to_claim_is_false():
    assert not work.claim(TASK, limit=1, now=NOW)


def test_what_is_finished_is_gone_and_the_rest_waits():
    for subject in (1, 2, 3):
        work.enqueue(TASK, [subject])
    claimed = work.claim(TASK, limit=2, now=NOW)
    work.finish(claimed)
    assert [subjects for subjects, _, _ in rows()] == [[3]]


class TestAFailure:
    def test_of_one_subject_makes_it_wait_longer_each_time(self):
        work.enqueue(TASK, [7])
        for attempt, seconds in enumerate((0, 2, 4), start=1):
            work.postpone(work.claim(TASK, limit=1, now=NOW + timedelta(hours=1)), now=NOW)
            assert rows() == [([7], attempt, NOW + timedelta(seconds=seconds))]

    def test_of_many_subjects_halves_their_row(self):
        work.enqueue(TASK, [1, 2, 3, 4, 5])
        work.postpone(work.claim(TASK, limit=9, now=NOW), now=NOW)
        assert rows() == [([1, 2], 1, None), ([3, 4, 5], 1, None)]

    def test_is_claimed_alone_from_then_on(self):
        work.enqueue(TASK, [1, 2])
        work.postpone(work.claim(TASK, limit=9, now=NOW), now=NOW)
        work.enqueue(TASK, [3])
        work.enqueue(TASK, [4])
        taken = []
        while claimed := work.claim(TASK, limit=9, now=NOW):
            taken.append(claimed.subject_ids)
            work.finish(claimed)
        assert taken == [[1], [2], [3, 4]]

    def test_after_other_work_ends_the_claim_before_it(self):
        work.enqueue(TASK, [1])
        work.postpone(work.claim(TASK, limit=9, now=NOW), now=NOW)
        sql.run("UPDATE core_work SET id = id + 1000")
        work.enqueue(TASK, [2])
        assert claim() == [2]

    def test_is_not_claimed_before_its_time(self):
        work.enqueue(TASK, [1])
        for _ in range(2):
            work.postpone(work.claim(TASK, limit=1, now=NOW + timedelta(hours=1)), now=NOW)
        assert work.tasks_waiting(now=NOW + timedelta(seconds=1)) == []
        assert claim(at=NOW + timedelta(seconds=1)) == []
        assert work.tasks_waiting(now=NOW + timedelta(seconds=2)) == [TASK]
        assert claim(at=NOW + timedelta(seconds=2)) == [1]


def test_the_sweeper_wakes_every_task_that_has_work(monkeypatch):
    woken = []
    monkeypatch.setattr("core.tasks.current_app.send_task", lambda task, **options: woken.append(task))
    for task in ("tests.a", "tests.b", "tests.a"):
        work.enqueue(task, [1])
    sweep()
    assert sorted(woken) == ["tests.a", "tests.b"]


@pytest.mark.django_db(transaction=True)
def test_what_one_claims_another_skips_until_the_first_lets_go():
    for subject in (1, 2, 3):
        work.enqueue(TASK, [subject])
    with other_connection() as other:
        other.execute("BEGIN")
        other.execute("SELECT work_id FROM core_claim_work(%s, 1, %s)", [TASK, NOW])
        with transaction.atomic():
            assert claim(2) == [2, 3]
        other.execute("ROLLBACK")
        with transaction.atomic():
            assert claim(9) == [1, 2, 3]


def notes() -> list[list[int]]:
    return [ids for (ids,) in sql.rows("SELECT work_ids FROM core_claim_note")]


def age() -> None:
    """Let all work have waited for longer than work does."""
    sql.run("UPDATE core_work SET created_at = created_at - interval '1 minute'")


def die_over_work(limit: int = 100) -> None:
    """Claim work in a session that ends in the middle of its transaction, as a killed worker's does."""
    found: list[int] = []

    def work_and_die() -> None:
        try:
            with transaction.atomic():
                found.extend(claim(limit, at=NOW + timedelta(hours=1)))
                connection.connection.close()  # the process is gone: nothing rolls back in good order
        except (InterfaceError, OperationalError):
            pass
        finally:
            connection.close()

    worker = threading.Thread(target=work_and_die)
    worker.start()
    worker.join(10)
    wait_for(lambda: not gone_but_locked(), seconds=10)


def gone_but_locked() -> bool:
    """Whether a session that noted its claim still ends."""
    return bool(
        sql.row(
            "SELECT 1 FROM core_claim_note n JOIN pg_stat_activity a USING (pid, backend_start)"
            " WHERE pid <> pg_backend_pid()"
        )
    )


@pytest.mark.django_db(transaction=True)
class TestWorkThatEndsItsWorker:
    def claimed(self) -> work.Claim:
        with transaction.atomic():
            return work.claim(TASK, limit=100, now=NOW + timedelta(hours=1))

    def test_is_not_noted_while_it_is_fresh(self):
        work.enqueue(TASK, [1, 2])
        assert not self.claimed().noted
        assert notes() == []

    def test_is_noted_once_it_waits_for_long_and_the_note_goes_with_its_end(self):
        work.enqueue(TASK, [1, 2])
        age()
        with transaction.atomic():
            claimed = work.claim(TASK, limit=100, now=NOW)
            assert notes() == [claimed.work_ids]
            work.finish(claimed)
        assert (notes(), rows()) == ([], [])

    def test_is_worked_on_even_when_no_note_can_be_written(self, monkeypatch):
        monkeypatch.setattr(work, "_NOTE", "SELECT pg_terminate_backend(pg_backend_pid()), %s::bigint[], %s")
        work.enqueue(TASK, [1, 2])
        age()
        claimed = self.claimed()
        assert (claimed.subject_ids, claimed.noted, notes()) == ([1, 2], False, [])

    def test_is_halved_like_a_failure_and_claimed_alone(self):
        work.enqueue(TASK, [1, 2, 3, 4])
        work.enqueue(TASK, [5])
        age()
        die_over_work()
        assert [subjects for subjects, *_ in rows()] == [[1, 2, 3, 4], [5]]
        found = self.claimed()
        assert (found.subject_ids, found.put_back) == ([], 2)
        assert rows() == [([1, 2], 1, None), ([3, 4], 1, None), ([5], 1, NOW + timedelta(hours=1))]
        assert self.claimed().subject_ids == [1, 2]

    def test_is_blamed_only_when_its_session_is_gone(self):
        work.enqueue(TASK, [1, 2])
        age()
        for _ in range(3):
            assert self.claimed().subject_ids == [1, 2]  # rolled back or released by a session that lives

    def test_is_told_apart_as_deadly_once_it_was_alone_thrice(self):
        work.enqueue(TASK, [1])
        age()
        for crashes in range(1, 4):
            die_over_work()
            assert self.claimed().put_back == 1
            assert sql.row("SELECT crashes FROM core_work") == (crashes,)
            sql.run("UPDATE core_work SET not_before = NULL")
        claimed = self.claimed()
        assert (claimed.subject_ids, claimed.deadly) == ([1], True)

    def test_is_set_aside_until_somebody_asks_for_it(self):
        work.enqueue(TASK, [1])
        age()
        with transaction.atomic():
            work.set_aside(work.claim(TASK, limit=1, now=NOW))
        assert (notes(), claim(), work.tasks_waiting(now=NOW)) == ([], [], [])
        call_command("retry_work", stdout=StringIO())
        assert claim() == [1]

    def test_leaves_no_note_when_somebody_else_has_done_it(self):
        work.enqueue(TASK, [1])
        age()
        die_over_work()
        assert work.forget_notes() == 0
        sql.run("DELETE FROM core_work")
        assert work.forget_notes() == 1
        assert notes() == []
