"""A file that was made in the background is ready."""

from __future__ import annotations

from ops.notices.base import Notice, of_exports

EXPORT_READY = Notice(
    code="export_ready",
    title="An export of mine is ready",
    icon="document",
    says=lambda row: f"Your export of {row['data']['title']} is ready: {row['data']['rows']:,} rows.",
    leads=of_exports,
)
