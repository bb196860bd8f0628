"""UNITS_NOTIONAL_SWAP: the quantity looks like the amount of money that was to be dealt for."""

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

_UNIT = "(b.price * coalesce(b.multiplier, 1))"
_QUANTITY_AS_AMOUNT = f"b.base_amount / nullif({_UNIT}, 0)"

UNITS_NOTIONAL_SWAP = Check(
    code="UNITS_NOTIONAL_SWAP",
    title="Units and notional swapped",
    severity="BLOCK",
    precedence=36,
    condition=(
        f"b.price_basis = 'UNIT' AND {_UNIT} >= {{price}}"
        f" AND {deviations('b.base_amount')} > {{deviations}}"
        f" AND abs({deviations(_QUANTITY_AS_AMOUNT)}) <= {{deviations}}"
    ),
    subject=WHOSE,
    expected=usual_up_to("{deviations}"),
    actual="trim_scale(b.quantity)",
    message=(
        "The quantity {actual} looks like an amount of money: as one it is usual for {subject}, as a number of"
        " units it exceeds the usual {expected} in base currency."
    ),
    fix="Ask the trader; correct the quantity, or have a second person accept it.",
    example="18,725 shares at 187.25 instead of shares for 18,725.",
    parameters={"deviations": "2.5", "price": "5", **HISTORY},
    meanings={
        "deviations": "how many deviations from the usual, of the logarithms of sizes, a size counts as usual",
        "price": "the least price of a unit at which quantity and amount can be told apart",
        **HISTORY_MEANINGS,
    },
    bounds={"deviations": DEVIATIONS, "price": ("1", "1000000"), **HISTORY_BOUNDS},
    overridable=True,
)
