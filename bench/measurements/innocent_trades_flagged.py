"""How many innocent trades of a realistic book a pattern's check points out: the one that bothers most."""

from __future__ import annotations

from bench.measurement import Samples
from bench.patterns import PATTERNS, run
from bench.product import Bench


def measure(bench: Bench) -> Samples:
    """Count, in the same run as the planted patterns, the findings of trades in which nothing was planted."""
    outcome = run(bench)
    return Samples(this=[max(outcome.innocent_percent(each) for each in PATTERNS)], against=[1.0])
