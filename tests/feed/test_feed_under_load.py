"""Many writers and one poller: every event that was committed is read once, in order."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from core import audit, sql
from feed.selectors import Position, last_event_id, read_page
from tests.support.records import CLERK, NOW

WRITERS = 32


def write(writer: int, *, events: int, seed: int) -> int:
    """Write events in transactions of many sizes, some of them rolled back; return how many were committed.

    Some take their transaction id well before they draw an id, some spread their events over statements.
    """
    chance, committed, number = random.Random(seed * 1000 + writer), 0, 0
    try:
        while committed < events:
            size = min(chance.choice([1, 1, 2, 7, 40]), events - committed)
            keep = chance.random() > 0.1
            with transaction.atomic():
                if chance.random() < 0.3:
                    sql.run("SELECT pg_current_xact_id()")
                for _ in range(size):
                    number += keep
                    audit.record(
                        type="thing.happened",
                        subject="thing",
                        ids=[writer],
                        versions=[number],
                        actor=CLERK,
                        at=NOW,
                    )
                if chance.random() < 0.2:
                    sql.run("SELECT pg_sleep(0.002)")
                transaction.set_rollback(not keep)
            committed += size if keep else 0
        return committed
    finally:
        connection.close()


def poll(after: Position, done: Callable[[], bool]) -> list[tuple[int, int, int]]:
    """Read until the writers are done and nothing is left; return (id, writer, number) as they were served."""
    seen: list[tuple[int, int, int]] = []
    try:
        while True:
            last_look = done()
            page = read_page(after=after, limit=500)
            seen += [(each["id"], each["subject_id"], each["version"]) for each in page.events]
            after = page.next
            if last_look and not page.events and not page.more:
                return seen
    finally:
        connection.close()


def none_is_missed(*, total: int, seed: int) -> None:
    start, stop = Position(last_event_id()), threading.Event()
    each = total // WRITERS
    with ThreadPoolExecutor(WRITERS + 1) as pool:
        polled = pool.submit(poll, start, stop.is_set)
        writers = [pool.submit(write, writer, events=each, seed=seed) for writer in range(1, WRITERS + 1)]
        assert [writer.result(600) for writer in writers] == [each] * WRITERS
        stop.set()
        seen = polled.result(60)
    stored = sql.rows("SELECT id, subject_id, version FROM core_event WHERE subject = 'thing' ORDER BY id")
    assert len(stored) == each * WRITERS
    assert seen == stored
    by_writer: dict[int, list[int]] = defaultdict(list)
    for _, writer, number in seen:
        by_writer[writer].append(number)
    assert dict(by_writer) == {writer: list(range(1, each + 1)) for writer in range(1, WRITERS + 1)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_no_event_of_32_writers_is_missed_or_out_of_order() -> None:
    none_is_missed(total=6_400, seed=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
@pytest.mark.nightly
def test_no_event_of_100_000_by_32_writers_is_missed_or_out_of_order() -> None:
    none_is_missed(total=100_000, seed=2)
