"""The event as the feed and the webhooks show it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from core.http.cursor import encode_cursor
from core.ids import BATCH, CLAIM, EXCEPTION, INSTRUCTION, PROPOSAL, TRADE, public_id
from core.sql import json_value
from feed.selectors import Position

# The prefix of a subject's public id; of every other subject it is its name.
PREFIXES = {
    "trade": TRADE,
    "batch": BATCH,
    "instruction": INSTRUCTION,
    "exception": EXCEPTION,
    "claim": CLAIM,
    "proposal": PROPOSAL,
}


def event_cursor(event_id: int) -> str:
    """Return the cursor behind an event: reading goes on with the next one."""
    return encode_cursor(Position(event_id).key())


def event_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as JSON-ready data from a row of the log.

    `id` grows: it is the order of the feed, and of any two events of one subject the order in which they happened.
    """
    subject = row["subject"]
    return {
        "id": row["id"],
        "cursor": event_cursor(row["id"]),
        "type": row["type"],
        "subject": subject,
        "subject_id": public_id(PREFIXES.get(subject, subject), row["subject_id"]),
        "version": row["version"],
        "actor": row["actor"],
        "request_id": row["request_id"],
        "reason": row["reason"],
        "recorded_at": row["recorded_at"].astimezone(UTC),
        "data": json_value(row["data"]),
    }
