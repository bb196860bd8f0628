"""Two workers on one backlog, moving the figures of the same limits, against one."""

from __future__ import annotations

from bench.backlog import capture, verify_checked
from bench.drainer import Drainers, drainers
from bench.measurement import Samples, interleave
from bench.product import Bench


def measure(bench: Bench) -> Samples:
    """Capture a backlog, untimed; check it by two workers; the next one by one worker."""
    trades = bench.size(60_000, 20_000)
    database, messages = bench.database("workers"), bench.messages()

    def check(workers: Drainers) -> float:
        capture(bench, database, messages, trades)
        checked, seconds = workers.drain()
        assert checked == trades, f"{checked} trades were checked, not {trades}"
        return trades / seconds

    with drainers(bench, database, 2) as two, drainers(bench, database, 1) as one:
        check(two)
        database.settle()
        samples = interleave(this=lambda: check(two), against=lambda: check(one), rounds=bench.rounds)
    verify_checked(database, (2 * bench.rounds + 3) * trades)
    return samples
