"""AMOUNT_PRECISION: an amount is finer than its currency can be paid in."""

from risk.checks.base import Check

AMOUNT_PRECISION = Check(
    code="AMOUNT_PRECISION",
    title="Amount finer than the minor unit",
    severity="BLOCK",
    precedence=33,
    condition=(
        "mod(b.net_amount, {minor_unit}) <> 0 OR mod(b.gross_amount, {minor_unit}) <> 0"
        " OR mod(b.contra_amount, {contra_minor_unit}) <> 0"
    ),
    subject=(
        "CASE WHEN mod(b.net_amount, {minor_unit}) <> 0 THEN 'net_amount'"
        " WHEN mod(b.gross_amount, {minor_unit}) <> 0 THEN 'gross_amount' ELSE 'contra_amount' END"
    ),
    expected=(
        "CASE WHEN mod(b.net_amount, {minor_unit}) <> 0 OR mod(b.gross_amount, {minor_unit}) <> 0"
        " THEN 'multiples of ' || {minor_unit} || ' ' || b.currency"
        " ELSE 'multiples of ' || {contra_minor_unit} || ' ' || b.contra_currency END"
    ),
    actual=(
        "trim_scale(CASE WHEN mod(b.net_amount, {minor_unit}) <> 0 THEN b.net_amount"
        " WHEN mod(b.gross_amount, {minor_unit}) <> 0 THEN b.gross_amount ELSE b.contra_amount END)"
    ),
    message="The {subject} {actual} cannot be paid: its currency has {expected}.",
    fix="Correct the amount to the minor unit of its currency, as the front office confirms it.",
    example="A net amount of 18,725.005 US dollars.",
)
