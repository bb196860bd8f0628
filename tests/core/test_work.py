"""Work waits in PostgreSQL: claimed oldest first, once at a time, gone with its effect, back after a failure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from core import sql, work
from core.tasks import sweep
from tests.support.factories import other_connection
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
            work.postpone(TASK, work.claim(TASK, limit=1, now=NOW + timedelta(hours=1)).work_ids, now=NOW)
            assert rows() == [([7], attempt, NOW + timedelta(seconds=seconds))]

    def test_of_many_subjects_halves_their_row(self):
        work.enqueue(TASK, [1, 2, 3, 4, 5])
        work.postpone(TASK, work.claim(TASK, limit=9, now=NOW).work_ids, now=NOW)
        assert rows() == [([1, 2], 1, None), ([3, 4, 5], 1, None)]

    def test_is_claimed_alone_from_then_on(self):
        work.enqueue(TASK, [1, 2])
        work.postpone(TASK, work.claim(TASK, limit=9, now=NOW).work_ids, now=NOW)
        work.enqueue(TASK, [3])
        work.enqueue(TASK, [4])
        taken = []
        while claimed := work.claim(TASK, limit=9, now=NOW):
            taken.append(claimed.subject_ids)
            work.finish(claimed)
        assert taken == [[1], [2], [3, 4]]

    def test_after_other_work_ends_the_claim_before_it(self):
        work.enqueue(TASK, [1])
        work.postpone(TASK, work.claim(TASK, limit=9, now=NOW).work_ids, now=NOW)
        sql.run("UPDATE core_work SET id = id + 1000")
        work.enqueue(TASK, [2])
        assert claim() == [2]

    def test_is_not_claimed_before_its_time(self):
        work.enqueue(TASK, [1])
        for _ in range(2):
            work.postpone(TASK, work.claim(TASK, limit=1, now=NOW + timedelta(hours=1)).work_ids, now=NOW)
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
