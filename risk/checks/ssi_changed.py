"""SSI_CHANGED: the account that the deal settles to was changed a few days ago."""

from risk.checks._relations import CHANGED_DAYS
from risk.checks._ssi import changed_ssi_rows
from risk.checks.base import Check

SSI_CHANGED = Check(
    code="SSI_CHANGED",
    title="Settlement instruction changed recently",
    severity="WARN",
    precedence=22,
    rows=changed_ssi_rows("asset_kind <> 'GOODS'"),
    message="The settlement instruction of {subject} changed: {actual}.",
    fix="Call the party on a number known before, and let it confirm the account.",
    example="Bank details that came by e-mail two days before a large payment.",
    parameters={"days": "5"},
    meanings={
        "days": f"for how many days a settlement instruction counts as new; no more than {CHANGED_DAYS} are looked at"
    },
    bounds={"days": ("0", str(CHANGED_DAYS))},
    overridable=True,
)
