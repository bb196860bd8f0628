"""Bulk POSTs of 10,000 trades over HTTP against COPY of the rows that they make."""

from __future__ import annotations

import json
import time
from itertools import count

from bench.client import Connection, request
from bench.floor import Floor
from bench.measurement import Samples, interleave
from bench.product import Bench

ITEMS = 10_000
_keys = count(1)


def bulk_request(bench: Bench, body: bytes) -> bytes:
    """Return the bytes of a bulk POST with a key of its own."""
    return request(
        "POST",
        "/api/v1/trade-batches",
        body=body,
        Content_Type="application/x-ndjson",
        Idempotency_Key=f"bulk-{next(_keys)}",
        **bench.headers(),
    )


def measure(bench: Bench) -> Samples:
    """Post a round's bodies one after the other; then COPY as many of the rows that came of them."""
    posts = bench.size(10, 4)
    database, messages = bench.database("intake"), bench.messages()
    with bench.web(database) as web:

        def post() -> float:
            requests = [bulk_request(bench, body) for body in messages.bodies(posts, ITEMS)]
            with Connection(web.port) as client:
                started = time.perf_counter()
                replies = [client.ask(each) for each in requests]
                seconds = time.perf_counter() - started
            for reply in replies:
                assert reply.status == 207, reply.body[:500]
                assert json.loads(reply.body)["created"] == ITEMS
            return posts * ITEMS / seconds

        post()
        floor = Floor(database, rows=posts * ITEMS)
        database.settle()
        samples = interleave(this=post, against=floor.copy, rounds=bench.rounds)
        floor.close()
    stored = database.row("SELECT count(*) FROM trades_state WHERE state = 1")[0]
    expected = (bench.rounds + 2) * posts * ITEMS
    assert stored == expected, f"{stored} trades were stored, not {expected}"
    return samples
