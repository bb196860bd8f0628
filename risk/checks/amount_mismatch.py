"""AMOUNT_MISMATCH: the factors of the deal do not make its amount."""

from risk.checks.base import Check

# A part of a block has its share of the block's rounded amounts, which its own factors may miss by a little more. An
# order's amount is the sum of its lines, each of which is rounded by half a unit at the most.
AMOUNT_MISMATCH = Check(
    code="AMOUNT_MISMATCH",
    title="Amounts do not agree",
    severity="BLOCK",
    precedence=30,
    condition=(
        "abs({expected_amount} - {actual_amount}) >"
        " CASE WHEN b.contra_currency IS NULL THEN {minor_unit} ELSE 1 END"
        " * CASE WHEN b.block_id IS NULL THEN 1 ELSE 3 END"
        " + CASE WHEN b.product IN ('GOODS', 'SERVICE')"
        " THEN {minor_unit} * jsonb_array_length(b.terms->'lines') / 2 ELSE 0 END"
        " + CASE WHEN b.contra_currency IS NULL THEN 0 ELSE abs({actual_amount}) * {fx_tolerance} END"
    ),
    subject="'gross_amount'",
    expected="round({expected_amount}, 4)",
    actual="{actual_amount}",
    message="The deal's factors make {expected}, but the amount says {actual}.",
    fix="Correct quantity, price, rate or amount, whichever the front office confirms to be wrong.",
    example="100 at 187.25 with a gross amount of 18,752.00.",
    parameters={"fx_tolerance": "0.00001"},
    meanings={
        "fx_tolerance": "by which share of an exchanged amount the amounts may disagree, beside one unit"
    },
    bounds={"fx_tolerance": ("0", "1")},
    overridable=True,
)
