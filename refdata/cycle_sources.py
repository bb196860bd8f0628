"""Which settlement cycles markets and pairs of currencies keep, as far as their own rules say.

Trade dates before the first row of a market are not covered, and neither is what two parties agree among themselves.
Moves to T+1 that are law or announced for a day to come are there from that day on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from refdata.cycles import ANY_MARKET

_DAY = timedelta(days=1)
_LONG_AGO = date(2000, 1, 1)
_AMERICAN_T2, _AMERICAN_T1 = date(2017, 9, 5), date(2024, 5, 28)  # SEC rule 15c6-1
_CANADIAN_T1 = date(2024, 5, 27)  # CSA National Instrument 24-101
_EUROPEAN_T2 = date(2014, 10, 6)  # CSDR, Regulation (EU) 909/2014, which most markets followed early
_SPANISH_T2 = date(2016, 10, 3)
_EUROPEAN_T1 = date(2027, 10, 11)  # one day for the EU and EEA, the United Kingdom and Switzerland
_AUSTRALIAN_T2, _JAPANESE_T2 = date(2016, 3, 7), date(2019, 7, 16)
_JAPANESE_BONDS_T1 = date(2018, 5, 1)

# fmt: off
_EUROPEAN = (
    "XAMS", "XBRU", "XCSE", "XDUB", "XETR", "XFRA", "XHEL", "XLIS", "XLON", "XMIL", "XOSL", "XPAR", "XSTO", "XSWX",
    "XWAR", "XWBO",
)
# fmt: on
_NEXT_DAY_PAIRS = ("CAD/USD", "KZT/USD", "PHP/USD", "PKR/USD", "RUB/USD", "TRY/USD")

# By product and market: the first trade date of each cycle, with its business days.
_Cycles = dict[tuple[str, str], tuple[tuple[date, int], ...]]
CYCLES: _Cycles = {
    **{("EQUITY", mic): ((_AMERICAN_T2, 2), (_AMERICAN_T1, 1)) for mic in ("XNAS", "XNYS")},
    ("EQUITY", "XTSE"): ((_AMERICAN_T2, 2), (_CANADIAN_T1, 1)),
    **{("EQUITY", mic): ((_EUROPEAN_T2, 2), (_EUROPEAN_T1, 1)) for mic in _EUROPEAN},
    ("EQUITY", "XMAD"): ((_SPANISH_T2, 2), (_EUROPEAN_T1, 1)),
    ("EQUITY", "XASX"): ((_AUSTRALIAN_T2, 2),),
    ("EQUITY", "XTKS"): ((_JAPANESE_T2, 2),),
    ("EQUITY", "XHKG"): ((_LONG_AGO, 2),),
    ("BOND", "EUR"): ((_EUROPEAN_T2, 2), (_EUROPEAN_T1, 1)),
    ("BOND", "USD"): ((_AMERICAN_T1, 1),),
    ("BOND", "JPY"): ((_JAPANESE_BONDS_T1, 1),),
    ("LISTED_DERIVATIVE", ANY_MARKET): ((_LONG_AGO, 1),),
    ("FX_SPOT", ANY_MARKET): ((_LONG_AGO, 2),),
    **{("FX_SPOT", pair): ((_LONG_AGO, 1),) for pair in _NEXT_DAY_PAIRS},
}


def market_cycles() -> Iterator[dict[str, Any]]:
    """Yield a row of settlement cycles for each, as `load_rows` takes it."""
    for (product, market), cycles in CYCLES.items():
        ends = [first - _DAY for first, _ in cycles[1:]]
        for (first, days), last in zip(cycles, [*ends, None], strict=True):
            yield {
                "product": product,
                "market": market,
                "days": days,
                "valid_from": first,
                "valid_to": last,
            }
