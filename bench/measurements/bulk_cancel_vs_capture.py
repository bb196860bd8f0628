"""Bulk cancellations of 10,000 trades over HTTP against the capture of as many."""

from bench.changes import changes_vs_capture
from bench.measurement import Samples
from bench.product import Bench


def measure(bench: Bench) -> Samples:
    """Cancel each trade."""
    return changes_vs_capture(bench, path="trade-cancellations", change={})
