"""Blotter, exceptions and search among five million trades against the same among ten thousand."""

from __future__ import annotations

from bench.measurement import Samples
from bench.pages import compare
from bench.product import Bench
from core import ids

PARTY, REFERENCE = "PARTY-07", 4_321
PAGES = {
    "blotter": "/trades",
    "blotter by status and counterparty": f"/trades?status=settled&counterparty={PARTY}",
    "blotter by a rare status": "/trades?status=validated",
    "blotter by part of a reference": f"/trades?q=H{REFERENCE:09d}",
    "exceptions": "/exceptions",
    "exceptions overdue": "/exceptions?view=overdue",
    "exceptions by finding": "/exceptions?code=PRICE_TOLERANCE",
    "exceptions closed": "/exceptions?view=closed",
    "search by the front office's reference": f"/search?q=H{REFERENCE:09d}",
    "search by our reference": f"/search?q={ids.public_id(ids.TRADE, REFERENCE)}",
}


def measure(bench: Bench) -> Samples:
    """Take each page in turns on both; the ratio is that of the page that suffers most."""
    return compare(bench, PAGES, large=bench.size(5_000_000, 500_000), exceptions=True)
