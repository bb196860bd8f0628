"""UNUSUAL_SIZE: the trade is far larger than what its trader, or its book, deals in."""

from risk.checks._size import (
    DEVIATIONS,
    HISTORY,
    HISTORY_BOUNDS,
    HISTORY_MEANINGS,
    WHOSE,
    deviations,
    usual_up_to,
)
from risk.checks.base import Check

UNUSUAL_SIZE = Check(
    code="UNUSUAL_SIZE",
    title="Unusual size",
    severity="BLOCK",
    precedence=37,
    condition=f"{deviations('b.base_amount')} > {{deviations}}",
    subject=WHOSE,
    expected=usual_up_to("{deviations}"),
    actual="round(b.base_amount, 2)",
    message="The size of {actual} in base currency is unusual for {subject}, who deals in up to {expected}.",
    fix="Ask the trader whether a zero slipped in; correct the quantity, or have a second person accept it.",
    example="A trader who deals in a few ten thousand buys shares for three million.",
    parameters={"deviations": "3.3", **HISTORY},
    meanings={
        "deviations": "how many deviations above the usual, of the logarithms of sizes, a size may lie",
        **HISTORY_MEANINGS,
    },
    bounds={"deviations": DEVIATIONS, **HISTORY_BOUNDS},
    overridable=True,
)
