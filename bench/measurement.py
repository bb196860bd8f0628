"""What is measured: the one table of measurements, and how two things are measured side by side."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.product import Bench


@dataclass(frozen=True)
class Measurement:
    """A line of the table: bench/measurements/<name>.py has its `measure(bench)`.

    reach: the ratio to reach, at least, or at most where `lower_is_better`; unit: of both sides.
    """

    name: str
    this: str
    against: str
    unit: str
    reach: float
    lower_is_better: bool = False

    def run(self, bench: Bench) -> Samples:
        """Measure; the servers run and `bench` has what is needed."""
        samples: Samples = importlib.import_module(f"bench.measurements.{self.name}").measure(bench)
        return samples

    def met(self, ratio: float) -> bool:
        """Tell whether a ratio is what is to be reached."""
        return ratio <= self.reach if self.lower_is_better else ratio >= self.reach


MEASUREMENTS = (
    Measurement(
        "bulk_intake_vs_copy",
        "NDJSON bulk POSTs of 10,000 trades over HTTP, one client, all committed",
        "bare COPY of the same rows into the same table",
        "trades/s",
        0.40,
    ),
    Measurement(
        "single_post_vs_commit",
        "single POSTs over HTTP, 16 keep-alive clients",
        "single-row INSERTs, prepared, each committed, on one connection",
        "trades/s",
        0.40,
    ),
    Measurement(
        "checks_vs_copy",
        "from CAPTURED to VALIDATED or EXCEPTION with all checks and limits, one worker",
        "bare COPY of the same rows",
        "trades/s",
        0.40,
    ),
    Measurement(
        "checks_2_workers_vs_1",
        "two workers on one backlog with shared limits",
        "one worker",
        "trades/s",
        1.3,
    ),
    Measurement(
        "checks_200_limits_vs_checks",
        "checks with 200 limits of every measure, on single members and on all",
        "checks with the four limits of the other measurements",
        "trades/s",
        0.5,
    ),
    Measurement(
        "checks_5m_vs_empty",
        "checks with 5 million trades already there",
        "checks on an empty table",
        "trades/s",
        0.85,
    ),
    Measurement(
        "captured_to_checked_vs_naive",
        "bulk POST to checked, one worker",
        "the obvious Django way: bulk POST to checked, one worker",
        "trades/s",
        300,
    ),
    Measurement(
        "single_to_checked_vs_naive",
        "single POSTs to checked, 16 clients and one worker",
        "the obvious Django way: the same",
        "trades/s",
        15,
    ),
    Measurement(
        "seal_vs_copy",
        "from VALIDATED to sealed batches: obligations, netting, instructions, events, states",
        "bare COPY of the same trades",
        "trades/s",
        0.40,
    ),
    Measurement(
        "seal_vs_grouping",
        "from VALIDATED to sealed batches",
        "the one statement that groups the same legs and inserts the same instructions and obligations",
        "trades/s",
        0.5,
    ),
    Measurement(
        "bulk_amend_vs_capture",
        "bulk amendments of 10,000 trades over HTTP, one client, all committed",
        "bulk capture of as many",
        "trades/s",
        0.5,
    ),
    Measurement(
        "bulk_cancel_vs_capture",
        "bulk cancellations of 10,000 trades over HTTP, one client, all committed",
        "bulk capture of as many",
        "trades/s",
        0.5,
    ),
    Measurement(
        "stream_vs_copy",
        "a sealed batch streamed as NDJSON over HTTP",
        "bare COPY of trades, rows in",
        "rows/s",
        1.8,
    ),
    Measurement(
        "stream_memory_1m_vs_10k",
        "memory of the web server at its peak while it streams a batch of 1,000,000 instructions",
        "the same of a batch of 10,000",
        "MB",
        1.25,
        lower_is_better=True,
    ),
    Measurement(
        "planted_patterns_found",
        "the lowest recall of any pattern planted in a realistic book of 200,000 trades",
        "all that were planted",
        "recall",
        0.95,
    ),
    Measurement(
        "innocent_trades_flagged",
        "the most innocent trades that any of those patterns' checks points out",
        "a hundred innocent trades",
        "per cent",
        0.1,
        lower_is_better=True,
    ),
    Measurement(
        "matching_vs_pandas",
        "matching two sides of 1,000,000 records by four keys and two tolerances, near misses told",
        "a pandas merge of the same columns that finds the same pairs",
        "s",
        2.0,
        lower_is_better=True,
    ),
    Measurement(
        "blotter_1m_vs_10k",
        "the slowest of first page, filter and jump to page 100 at 1,000,000 trades",
        "the same page at 10,000 trades",
        "ms",
        1.5,
        lower_is_better=True,
    ),
    Measurement(
        "console_5m_vs_10k",
        "the slowest of the blotter's, the exceptions' and the search's pages at 5,000,000 trades",
        "the same page at 10,000 trades",
        "ms",
        2.0,
        lower_is_better=True,
    ),
    Measurement(
        "profit_vs_aggregation",
        "a day's profit with its explanation, 1,000,000 trades in 10,000 positions",
        "one aggregation over the same trades",
        "s",
        10.0,
        lower_is_better=True,
    ),
)


@dataclass
class Samples:
    """What both sides did, one figure a round, and what else is worth a line below the table."""

    this: list[float] = field(default_factory=list)
    against: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The ratio of the medians."""
        return median(self.this) / median(self.against)


def interleave(
    *,
    this: Callable[[], float],
    against: Callable[[], float],
    rounds: int,
    warm_up: int = 1,
) -> Samples:
    """Take both sides in turns, `rounds` times after the warm-up; who goes first alternates.

    A machine that slows down for a while then slows both.
    """
    samples = Samples()
    for turn in range(-warm_up, rounds):
        sides = [(this, samples.this), (against, samples.against)]
        for side, figures in sides if turn % 2 == 0 else reversed(sides):
            figure = side()
            if turn >= 0:
                figures.append(figure)
    return samples
