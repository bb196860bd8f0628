"""ACCRUED_MISMATCH: the accrued interest that the front office states is not what the bond's terms make."""

from risk.checks.base import Check

_COMPUTED = "(b.terms->'contract'->>'accrued_amount')::numeric"
_STATED = "(b.terms->>'stated_accrued')::numeric"

ACCRUED_MISMATCH = Check(
    code="ACCRUED_MISMATCH",
    title="Accrued interest does not agree",
    severity="BLOCK",
    precedence=34,
    products=("BOND",),
    condition=f"abs({_STATED} - {_COMPUTED}) > {{minor_unit}}",
    subject="'accrued_amount'",
    expected=_COMPUTED,
    actual=_STATED,
    message="The bond's coupon and day count make {expected} of accrued interest, but the trade says {actual}.",
    fix="Correct the accrued amount or the settlement date, or the instrument's coupon, day count and dates.",
    example="182 days stated as half a year of 360 on a bond that counts 365.",
    overridable=True,
)
