"""FAR_LEG_MISMATCH: the amounts of a swap's far leg do not agree with its rate."""

from risk.checks.base import Check

_FAR = "b.terms->'far'"
_BOUGHT = f"({_FAR}->>'bought_amount')::numeric"
_SOLD = f"({_FAR}->>'sold_amount')::numeric"
_RATE = f"({_FAR}->>'rate')::numeric"
_EXPECTED = (
    f"(CASE WHEN {_RATE} <= 0 THEN NULL WHEN {_FAR}->>'rate_basis' = 'BOUGHT_PER_SOLD' THEN {_BOUGHT} / {_RATE}"
    f" ELSE {_BOUGHT} * {_RATE} END)"
)

FAR_LEG_MISMATCH = Check(
    code="FAR_LEG_MISMATCH",
    title="Far leg does not agree",
    severity="BLOCK",
    precedence=35,
    products=("FX_SWAP",),
    condition=(
        f"abs({_EXPECTED} - {_SOLD}) > (1 + abs({_SOLD}) * {{fx_tolerance}})"
        " * CASE WHEN b.block_id IS NULL THEN 1 ELSE 3 END"  # a part's amounts are rounded to make the block's
    ),
    subject="'terms.far'",
    expected=f"round({_EXPECTED}, 4)",
    actual=_SOLD,
    message="The far leg's bought amount and rate make {expected}, but it sells {actual}.",
    fix="Correct the far leg's amounts or rate, whichever the front office confirms to be wrong.",
    example="A far leg that sells 2,000,000 euro for 2,205,400 dollars at 1.27.",
    parameters={"fx_tolerance": "0.00001"},
    meanings={
        "fx_tolerance": "by which share of an exchanged amount the amounts may disagree, beside one unit"
    },
    bounds={"fx_tolerance": ("0", "1")},
    overridable=True,
)
