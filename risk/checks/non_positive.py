"""NON_POSITIVE: a quantity, price or amount is zero or negative."""

from risk.checks.base import Check

_FAR = ", ".join(f"(b.terms->'far'->>'{key}')::numeric" for key in ("rate", "bought_amount", "sold_amount"))
_FAR_IS_WRONG = f"b.product = 'FX_SWAP' AND least({_FAR}) <= 0"
_SUBJECT = (
    "CASE WHEN b.price <= 0 THEN 'price' WHEN b.contra_amount <= 0 THEN 'sold amount'"
    f" WHEN {_FAR_IS_WRONG} THEN 'far leg'"
    " WHEN b.terms->'lines' IS NULL THEN 'quantity' ELSE 'lines' END"
)
_LINES = (
    "(SELECT string_agg(format('%%s: %%s at %%s', line->>'sku', line->>'quantity', line->>'unit_price'), '; ')"
    " FROM jsonb_array_elements(b.terms->'lines') AS line"
    " WHERE (line->>'quantity')::numeric <= 0 OR (line->>'unit_price')::numeric <= 0)"
)

NON_POSITIVE = Check(
    code="NON_POSITIVE",
    title="Quantity or price not above zero",
    severity="BLOCK",
    precedence=32,
    condition=(
        "b.quantity <= 0 OR b.price <= 0 OR b.contra_amount <= 0"
        f" OR {_FAR_IS_WRONG}"
        " OR b.terms @? '$.lines[*] ? (@.quantity.double() <= 0 || @.unit_price.double() <= 0)'"
    ),
    subject=_SUBJECT,
    expected="'above zero'",
    actual=(
        "CASE WHEN b.price <= 0 THEN trim_scale(b.price)::text WHEN b.contra_amount <= 0"
        f" THEN trim_scale(b.contra_amount)::text WHEN {_FAR_IS_WRONG} THEN trim_scale(least({_FAR}))::text"
        " WHEN b.terms->'lines' IS NULL THEN trim_scale(b.quantity)::text"
        " ELSE " + _LINES + " END"
    ),
    message="{subject} must be above zero, not {actual}.",
    fix="Correct the figure; a return is an order of the opposite side.",
    example="An order line with the quantity -3, or a gift at the price 0.",
)
