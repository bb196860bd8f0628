"""The event as the feed and the webhooks show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from core.http.cursor import encode_cursor
from core.ids import (
    BATCH,
    CLAIM,
    CONFIRMATION,
    DELIVERY,
    EVENT,
    EXCEPTION,
    HOLD,
    INSTRUCTION,
    INVOICE,
    PROPOSAL,
    RESERVATION,
    STOP,
    TRADE,
    WEBHOOK,
    public_id,
)
from core.sql import json_value
from feed.models import Attempt, Delivery, Webhook
from feed.selectors import Position

# The prefix of a subject's public id; of every other subject it is its name.
PREFIXES = {
    "trade": TRADE,
    "batch": BATCH,
    "instruction": INSTRUCTION,
    "exception": EXCEPTION,
    "claim": CLAIM,
    "proposal": PROPOSAL,
    "webhook": WEBHOOK,
    "reservation": RESERVATION,
    "stop": STOP,
    "hold": HOLD,
    "invoice": INVOICE,
    "confirmation": CONFIRMATION,
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


def webhook_document(webhook: Webhook, *, secret: str | None = None) -> dict[str, Any]:
    """Return a webhook as JSON-ready data. Its secret is shown when it is made, and never again."""
    document = {
        "id": public_id(WEBHOOK, webhook.id),
        "url": webhook.url,
        "types": webhook.types,
        "active": webhook.is_active,
        "stopped_because": webhook.stopped_because,
        "revision": webhook.revision,
        "created_at": webhook.created_at,
        "cursor": event_cursor(webhook.position_id),
        "overlap_until": webhook.overlap_until,
    }
    return document if secret is None else {**document, "secret": secret}


def delivery_document(delivery: Delivery, tries: Sequence[Attempt]) -> dict[str, Any]:
    """Return a delivery with its attempts, the oldest first, as JSON-ready data."""
    return {
        "id": public_id(DELIVERY, delivery.id),
        "event_id": delivery.event_id,
        "message_id": public_id(EVENT, delivery.event_id),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at if delivery.state == Delivery.State.PENDING else None,
        "finished_at": delivery.finished_at,
        "log": [
            {
                "at": each.at,
                "status": each.status,
                "latency_ms": each.latency_ms,
                "excerpt": each.excerpt,
                "error": each.error,
            }
            for each in tries
        ],
    }
