"""Bulk POST to checked, over HTTP and by a Celery worker, against the obvious Django way."""

from __future__ import annotations

import time

from bench.backlog import verify_checked
from bench.client import Connection
from bench.measurement import Samples, interleave
from bench.measurements.bulk_intake_vs_copy import ITEMS, bulk_request
from bench.naive import naive
from bench.product import Bench, Database, Process, await_true

QUEUE = "SELECT 1 FROM core_work WHERE task = 'risk.check' LIMIT 1"


def await_checked(database: Database, worker: Process) -> None:
    """Return when no trade waits for the checks."""
    await_true(lambda: database.row(QUEUE) is None, worker, seconds=120, pause=0.005)


def measure(bench: Bench) -> Samples:
    """Post a round's bodies and wait until all is checked; then the same, smaller, on the peer."""
    posts, few = bench.size(6, 2), bench.size(400, 150)
    database, messages, theirs = bench.database("whole"), bench.messages(), bench.messages()
    with bench.web(database) as web, bench.worker(database) as worker, naive(bench) as peer:

        def this() -> float:
            requests = [bulk_request(bench, body) for body in messages.bodies(posts, ITEMS)]
            with Connection(web.port) as client:
                started = time.perf_counter()
                for each in requests:
                    reply = client.ask(each)
                    assert reply.status == 207, reply.body[:500]
            await_checked(database, worker)
            return posts * ITEMS / (time.perf_counter() - started)

        this()
        database.settle()
        samples = interleave(
            this=this, against=lambda: peer.bulk_to_checked(theirs.take(few)), rounds=bench.rounds
        )
        verify_checked(database, (bench.rounds + 2) * posts * ITEMS)
        peer.verify((bench.rounds + 1) * few)
    return samples
