"""INSTRUMENT_EXPIRED: the contract was dealt after its expiry, or the bond settles when it has been paid back."""

from risk.checks.base import Check

_EXPIRY = "(b.terms->'contract'->>'expiry')::date"
_MATURITY = "(b.terms->'contract'->>'maturity')::date"

INSTRUMENT_EXPIRED = Check(
    code="INSTRUMENT_EXPIRED",
    title="Expired instrument",
    severity="BLOCK",
    precedence=44,
    condition=(
        f"b.product = 'LISTED_DERIVATIVE' AND {_EXPIRY} < b.trade_date"
        f" OR b.product = 'BOND' AND {_MATURITY} <= b.settlement_date"
    ),
    subject="'instrument'",
    expected=f"coalesce({_EXPIRY}, {_MATURITY})",
    actual="b.instrument_ref",
    message="{actual} ended on {expected}.",
    fix="Correct the instrument or the dates of the deal.",
    example="A December future dealt in January.",
)
