"""How many of the mistakes planted in a realistic book the checks find: the pattern that is found least."""

from __future__ import annotations

from bench.measurement import Samples
from bench.patterns import PATTERNS, run
from bench.product import Bench


def measure(bench: Bench) -> Samples:
    """Run the book through capture and checks, and compare what was found with what was planted."""
    outcome = run(bench)
    return Samples(
        this=[min(outcome.recall(each) for each in PATTERNS)],
        against=[1.0],
        notes=[f"{outcome.innocents:,} innocent trades, and planted among them:", *outcome.lines()],
    )
