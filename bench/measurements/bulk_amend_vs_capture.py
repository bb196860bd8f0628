"""Bulk amendments of 10,000 trades over HTTP against the capture of as many."""

from bench.changes import changes_vs_capture
from bench.measurement import Samples
from bench.product import Bench


def measure(bench: Bench) -> Samples:
    """Give each trade another trader."""
    return changes_vs_capture(bench, path="trade-amendments", change={"changes": {"trader": "measured"}})
