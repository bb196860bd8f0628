"""A file could not be made in the background."""

from __future__ import annotations

from ops.notices.base import Notice, of_exports

EXPORT_FAILED = Notice(
    code="export_failed",
    title="An export of mine failed",
    icon="stop",
    says=lambda row: f"Your export of {row['data']['title']} failed. {row['data']['why']}",
    leads=of_exports,
)
