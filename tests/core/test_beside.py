"""What is done beside is done within the caller's transaction, one thing after the other, and fails for the caller."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from django.db import DataError, transaction

from core import sql
from core.beside import Beside

pytestmark = pytest.mark.django_db
KEPT = "SELECT array_agg(n ORDER BY n) FROM kept"


def keep(number: int) -> None:
    sql.run("INSERT INTO kept SELECT %s WHERE NOT EXISTS (SELECT FROM kept WHERE n > %s)", [number] * 2)


@pytest.fixture(autouse=True)
def _table(db: None) -> None:
    sql.run("CREATE TEMPORARY TABLE kept (n int)")


def test_things_are_done_in_their_order_and_seen_by_the_caller():
    with Beside() as beside:
        for number in range(5):
            beside.start(partial(keep, number))
    assert sql.row(KEPT) == ([0, 1, 2, 3, 4],)


def test_what_was_done_goes_with_the_callers_transaction():
    keep(1)
    with transaction.atomic():
        with Beside() as beside:
            beside.start(partial(keep, 2))
            beside.wait()
            assert sql.row(KEPT) == ([1, 2],)
        transaction.set_rollback(True)
    assert sql.row(KEPT) == ([1],)


def test_what_a_thing_meets_is_raised_at_the_wait_and_once():
    with Beside() as beside:
        # The savepoint stands before the thing starts: the caller sends nothing while it may already have failed.
        with pytest.raises(DataError), transaction.atomic():
            beside.start(partial(sql.run, "SELECT 1 / 0"))
            beside.wait()
        beside.wait()
        assert sql.row(KEPT) == (None,)


def test_what_the_caller_meets_is_not_hidden_by_what_goes_on_beside():
    may_end = threading.Event()
    with pytest.raises(KeyError, match="the caller's"), Beside() as beside:
        beside.start(lambda: (may_end.wait(30), keep(1), None)[-1])
        may_end.set()
        raise KeyError("the caller's")
    assert sql.row(KEPT) == ([1],)
