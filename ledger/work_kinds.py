"""The work items of positions: sales that a book refuses, and running figures that were wrong."""

from __future__ import annotations

from trades.work_items import WorkKind

SHORT_SALE = "SHORT_SALE"

KINDS = (
    WorkKind(
        code=SHORT_SALE,
        title="sold more than is held",
        severity="WARN",
        mark="SHORT_SALE",
        next_action="Have the sale corrected or the missing purchase sent, or let two people allow shorts to the book.",
        answered="The book holds what is sold, may go short, or the sale is cancelled.",
    ),
)
