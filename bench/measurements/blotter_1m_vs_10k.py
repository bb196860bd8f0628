"""Pages of the console's blotter among a million trades against the same pages among ten thousand."""

from __future__ import annotations

from bench.measurement import Samples
from bench.pages import compare
from bench.product import Bench

PARTY = "PARTY-07"
PAGES = {
    "first page": "/trades",
    "filter by status and counterparty": f"/trades?status=settled&counterparty={PARTY}",
    "filter by a rare status and counterparty": f"/trades?status=validated&counterparty={PARTY}",
    "jump to page 100": "/trades?page=100",
}


def measure(bench: Bench) -> Samples:
    """Take each page in turns on both; the ratio is that of the page that suffers most."""
    return compare(bench, PAGES, large=bench.size(1_000_000, 200_000))
