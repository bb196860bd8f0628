"""Pulling a sealed batch as NDJSON over HTTP against COPY of trades into their table, both in rows."""

from __future__ import annotations

import hashlib
import http.client
import time

from bench.backlog import seal, validate
from bench.drainer import drainers
from bench.floor import Floor
from bench.measurement import Samples, interleave
from bench.product import Bench, Database

READ = 1 << 20


def measure(bench: Bench) -> Samples:
    """Seal one large batch of payments in which nothing is netted, then pull it again and again."""
    trades = bench.size(100_000, 20_000)
    database, messages = bench.database("stream"), bench.messages()
    database.run(
        "UPDATE refdata_netting_agreement SET payments = 'NONE', securities = 'NONE', goods = 'NONE'"
    )
    with drainers(bench, database, 1) as worker:
        validate(bench, database, messages, worker, trades)
    seal(bench, database)
    floor = Floor(database, rows=trades)
    database.settle()
    with bench.web(database) as web:
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
        path, lines, digest = batch(database)

        def pull() -> float:
            started = time.perf_counter()
            body = get(connection, path, bench.headers())
            rate = lines / (time.perf_counter() - started)
            assert body.count(b"\n") == lines, f"{len(body)} bytes do not have {lines} lines"
            assert hashlib.sha256(body).hexdigest() == digest, "the bytes are not those that were sealed"
            return rate

        samples = interleave(this=pull, against=floor.copy, rounds=bench.rounds)
        connection.close()
    floor.close()
    samples.notes.append(f"A batch of {lines:,} lines.")
    return samples


def batch(database: Database) -> tuple[str, int, str]:
    """Return the path of the largest batch's instructions, its number of lines and its hash."""
    from core.ids import BATCH, public_id

    batch_id, lines, digest = database.row(
        "SELECT id, instruction_count, sha256 FROM settlement_batch ORDER BY instruction_count DESC LIMIT 1"
    )
    return f"/api/v1/settlement-batches/{public_id(BATCH, batch_id)}/instructions", lines, digest


def get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    """Return a whole NDJSON answer, read as it comes."""
    connection.request("GET", path, headers={**headers, "Accept": "application/x-ndjson"})
    response = connection.getresponse()
    parts = list(iter(lambda: response.read(READ), b""))
    assert response.status == 200, f"{response.status}: {b''.join(parts)[:500]!r}"
    return b"".join(parts)
