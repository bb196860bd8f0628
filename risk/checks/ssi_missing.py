"""SSI_MISSING: nobody knows where one side of a leg settles."""

from risk.checks._ssi import missing_ssi_rows
from risk.checks.base import Check

SSI_MISSING = Check(
    code="SSI_MISSING",
    title="No settlement instruction",
    severity="BLOCK",
    precedence=20,
    rows=missing_ssi_rows(),
    message="{subject} has no standing settlement instruction for {actual}.",
    fix="Add the SSI of the party; then re-check.",
    example="A purchase in Swedish krona from a party that has only euro instructions.",
)
