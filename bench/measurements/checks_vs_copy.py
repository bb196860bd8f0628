"""The checks and limits over a backlog, by one worker, against COPY of the rows that are checked."""

from __future__ import annotations

from bench.backlog import capture, verify_checked
from bench.drainer import drainers
from bench.floor import Floor
from bench.measurement import Samples, interleave
from bench.product import Bench


def measure(bench: Bench) -> Samples:
    """Capture a backlog, untimed; check it; then COPY as many rows."""
    trades = bench.size(60_000, 20_000)
    database, messages = bench.database("checks"), bench.messages()
    with drainers(bench, database, 1) as worker:

        def check() -> float:
            capture(bench, database, messages, trades)
            checked, seconds = worker.drain()
            assert checked == trades, f"{checked} trades were checked, not {trades}"
            return trades / seconds

        check()
        floor = Floor(database, rows=trades)
        database.settle()
        samples = interleave(this=check, against=floor.copy, rounds=bench.rounds)
        floor.close()
    verify_checked(database, (bench.rounds + 2) * trades)
    return samples
