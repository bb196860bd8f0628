"""Single POSTs by 16 clients against single-row commits on one connection."""

from __future__ import annotations

from itertools import count

from bench.client import request, send_all
from bench.floor import Floor
from bench.measurement import Samples, interleave
from bench.product import Bench

CLIENTS = 16
_keys = count(1)


def single_request(bench: Bench, body: bytes) -> bytes:
    """Return the bytes of a single POST with a key of its own."""
    return request(
        "POST",
        "/api/v1/trades",
        body=body,
        Content_Type="application/json",
        Idempotency_Key=f"single-{next(_keys)}",
        **bench.headers(),
    )


def measure(bench: Bench) -> Samples:
    """Post a round's trades, each client one after the other; then insert as many rows one by one."""
    posts = bench.size(6_000, 2_000)
    database, messages = bench.database("single"), bench.messages()
    with bench.web(database) as web:

        def post() -> float:
            answered, seconds = send_all(
                web.port,
                [single_request(bench, body) for body in messages.take(posts)],
                clients=CLIENTS,
                expect=201,
            )
            return answered / seconds

        post()
        floor = Floor(database, rows=1)
        floor.prepare_single()
        database.settle()
        samples = interleave(this=post, against=lambda: floor.commit_singly(posts), rounds=bench.rounds)
        floor.close()
    stored = database.row("SELECT count(*) FROM trades_state WHERE state = 1")[0]
    expected = (bench.rounds + 2) * posts
    assert stored == expected, f"{stored} trades were stored, not {expected}"
    return samples
