"""Single POSTs to checked, over HTTP and by a Celery worker, against the obvious Django way."""

from __future__ import annotations

import time

from bench.backlog import verify_checked
from bench.client import send_all
from bench.measurement import Samples, interleave
from bench.measurements.captured_to_checked_vs_naive import await_checked
from bench.measurements.single_post_vs_commit import CLIENTS, single_request
from bench.naive import naive
from bench.product import Bench


def measure(bench: Bench) -> Samples:
    """Post a round's trades while a worker checks them, to the last; then the same, smaller, on the peer."""
    posts, few = bench.size(6_000, 2_000), bench.size(400, 200)
    database, messages, theirs = bench.database("singles"), bench.messages(), bench.messages()
    with bench.web(database) as web, bench.worker(database) as worker, naive(bench) as peer:

        def this() -> float:
            requests = [single_request(bench, body) for body in messages.take(posts)]
            started = time.perf_counter()
            send_all(web.port, requests, clients=CLIENTS, expect=201)
            await_checked(database, worker)
            return posts / (time.perf_counter() - started)

        this()
        database.settle()
        samples = interleave(
            this=this,
            against=lambda: peer.singles_to_checked(theirs.take(few), CLIENTS),
            rounds=bench.rounds,
        )
        verify_checked(database, (bench.rounds + 2) * posts)
        peer.verify((bench.rounds + 1) * few)
    return samples
