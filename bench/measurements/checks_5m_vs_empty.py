"""The checks with five million trades already there against the checks on an empty table."""

from __future__ import annotations

from bench.backlog import capture, verify_checked
from bench.drainer import Drainers, drainers
from bench.history import add_history
from bench.measurement import Samples, interleave
from bench.product import Bench, Database


def measure(bench: Bench) -> Samples:
    """Check a backlog among millions of trades; then as large a one among those of the rounds before."""
    trades, history = bench.size(60_000, 20_000), bench.size(5_000_000, 500_000)
    full, empty = bench.database("full"), bench.database("empty")
    messages = {full.name: bench.messages(), empty.name: bench.messages()}
    add_history(bench, full, history)

    def check(database: Database, worker: Drainers) -> float:
        capture(bench, database, messages[database.name], trades)
        checked, seconds = worker.drain()
        assert checked == trades, f"{checked} trades were checked, not {trades}"
        return trades / seconds

    with drainers(bench, full, 1) as in_full, drainers(bench, empty, 1) as in_empty:
        check(full, in_full)
        check(empty, in_empty)
        empty.settle()
        samples = interleave(
            this=lambda: check(full, in_full),
            against=lambda: check(empty, in_empty),
            rounds=bench.rounds,
        )
    verify_checked(empty, (bench.rounds + 2) * trades)
    verify_checked(full, (bench.rounds + 2) * trades, before=history)
    if bench.quick:
        samples.notes.append(f"--quick: {history:,} trades already there, not 5,000,000.")
    return samples
