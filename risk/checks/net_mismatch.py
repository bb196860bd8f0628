"""NET_MISMATCH: the net amount is not the gross amount with its fees and taxes."""

from risk.checks.base import Check

# One fee, as most deals have that have any, is read where it stands.
_FEES = (
    "CASE WHEN b.fees IS NULL THEN 0"
    " WHEN jsonb_array_length(b.fees) = 1"
    " THEN CASE WHEN b.fees->0->>'currency' = b.currency"
    " THEN coalesce((b.fees->0->>'amount')::numeric, 0) ELSE 0 END"
    " ELSE coalesce((SELECT sum((fee->>'amount')::numeric) FROM jsonb_array_elements(b.fees) AS fee"
    " WHERE fee->>'currency' = b.currency), 0) END"
)
# A seller of securities pays the fees out of the proceeds; a buyer of anything pays them on top.
_NET = f"({{paid_amount}} + CASE WHEN b.side = 'SELL' AND NOT {{fees_on_top}} THEN -1 ELSE 1 END * {_FEES})"

NET_MISMATCH = Check(
    code="NET_MISMATCH",
    title="Net amount does not agree",
    severity="BLOCK",
    precedence=31,
    condition=(
        "b.contra_currency IS NULL AND (b.fees IS NOT NULL OR b.net_amount <> {paid_amount})"
        " AND abs(b.net_amount - " + _NET + ") >= {minor_unit}"
    ),
    subject="'net_amount'",
    expected=_NET,
    actual="b.net_amount",
    message="Gross amount and fees make {expected}, but the net amount says {actual}.",
    fix="Correct the fees or the net amount.",
    example="A purchase of 1,000.00 with 5.00 commission and a net amount of 1,000.00.",
    overridable=True,
)
