"""SSI_AMBIGUOUS: more than one settlement instruction fits a leg."""

from risk.checks._ssi import ssi_rows
from risk.checks.base import Check

SSI_AMBIGUOUS = Check(
    code="SSI_AMBIGUOUS",
    title="Several settlement instructions",
    severity="BLOCK",
    precedence=21,
    rows=ssi_rows("> 1"),
    message="{subject} has more than one standing settlement instruction for {actual}.",
    fix="End the validity of the SSI that no longer holds; then re-check.",
    example="Two euro accounts of one party, both valid on the value date.",
)
