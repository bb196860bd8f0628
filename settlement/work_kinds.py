"""The work items of settlement: what the back office rejected, what failed to settle, what is pinned to an SSI that is
no longer the choice, and invoices that do not add up."""

from trades.work_items import Cause, Move, WorkKind

KINDS = (
    WorkKind(
        code="REJECTION",
        title="rejected by the back office",
        severity="BLOCK",
        mark="REJECTED",
        next_action="Correct what the back office names, then re-check: the rejected legs are instructed again.",
        answered="Somebody sends the trade to the checks again, or it is cancelled.",
    ),
    WorkKind(
        code="FAIL",
        title="settlement failed",
        severity="WARN",
        mark="FAILED",
        move=Move.BACK_OFFICE,
        next_action="Chase the settlement with the back office; a later report that it settled closes this.",
        answered="The back office reports that every failed instruction of the trade has settled.",
    ),
    WorkKind(
        code="STALE_SSI",
        title="sealed with an SSI that is no longer the choice",
        severity="WARN",
        mark="SSI_SUPERSEDED",
        rechecks=True,
        next_action="Have the back office settle as sealed, or amend the trade so that it is instructed anew.",
        answered="The SSI is the choice again, or every such instruction is recalled, rejected or settled.",
    ),
    WorkKind(
        code="INVOICE",
        title="invoices that do not tie out",
        severity="WARN",
        mark="INVOICE_BREAK",
        next_action="Find out why the documents do not add up, and credit or have billed what is wrong.",
        answered="The nightly tie-out finds that what is billed of the trade adds up.",
    ),
)
# The back office's reason is what rejections have in common.
CAUSES = (
    Cause("SETTLEMENT_REJECTED", subject="f.actual"),
    Cause("CANCELLATION_REJECTED", subject="f.actual"),
)
