"""The work items of settlement: what the back office rejected, and what failed to settle."""

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
)
# The back office's reason is what rejections have in common.
CAUSES = (
    Cause("SETTLEMENT_REJECTED", subject="f.actual"),
    Cause("CANCELLATION_REJECTED", subject="f.actual"),
)
