"""FAR_NOT_AFTER_NEAR: a swap's far leg is not later than its near leg."""

from risk.checks.base import Check

_FAR = "(b.terms->'far'->>'settlement_date')::date"

FAR_NOT_AFTER_NEAR = Check(
    code="FAR_NOT_AFTER_NEAR",
    title="Far leg is not the later one",
    severity="BLOCK",
    precedence=45,
    products=("FX_SWAP",),
    condition=f"{_FAR} <= b.settlement_date",
    subject="'terms.far.settlement_date'",
    expected="'after ' || b.settlement_date",
    actual=_FAR,
    message="The far leg falls due on {actual}, which must be {expected}.",
    fix="Correct the settlement date of the leg that is wrong.",
    example="A swap whose legs were sent in the wrong order.",
)
