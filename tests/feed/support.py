"""Webhooks for tests: one that is told of things, a clock that is set, and a listener that answers as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core import audit
from feed.models import Attempt, Delivery, Webhook
from feed.services.deliver import claim_webhook, take_turn
from feed.services.transport import Answer
from feed.services.webhooks import create_webhook
from tests.support.factories import api_client
from tests.support.records import CLERK, NOW

URL = "https://listener.example/events"
OK, DOWN, GONE = Answer(200, 7, "ok"), Answer(503, 9, "busy"), Answer(410, 3)
SILENT = Answer(None, 10_000, error="ReadTimeout: the answer took too long")


@dataclass
class Listener:
    """Keeps what it was sent, and answers as scripted; when the script is over, with the last of it."""

    answers: list[Answer] = field(default_factory=lambda: [OK])
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.got.append((headers, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def subjects(self) -> list[str]:
        return [json.loads(body)["subject_id"] for _, body in self.got]


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


def tell(*ids: int, type: str = "thing.happened") -> None:
    """Append an event of each of these things to the log."""
    audit.record(type=type, subject="thing", ids=ids, actor=CLERK, at=NOW)


def webhook(
    *, types: Sequence[str] = ("thing.*",), name: str = "listener", sources: Sequence[str] = ()
) -> tuple[Webhook, str]:
    """Store a webhook of a client of that name, with its secret."""
    client, _ = api_client(name, scopes=["webhooks:write"], sources=list(sources))
    return create_webhook(client_id=client.id, sources=sources, url=URL, types=types, actor=CLERK, now=NOW)


def deliver(listener: Listener, clock: Clock) -> int | None:
    """Let a worker take one turn, with pauses that chance neither shortens nor lengthens."""
    held = claim_webhook(now=clock())
    if held is None:
        return None
    until = clock.now + timedelta(seconds=10)
    return take_turn(held, clock=clock, send=listener, until=until, chance=lambda: 0.5)


def states() -> list[tuple[str, int]]:
    """Return (state, attempts) of all deliveries in the order of the feed."""
    return [(each.state, each.attempts) for each in Delivery.objects.order_by("event_id")]


def tries() -> list[tuple[Any, ...]]:
    """Return what every attempt was answered, in order."""
    return list(Attempt.objects.order_by("id").values_list("status", "latency_ms", "excerpt", "error"))


def signature(secret: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the signature of a message as the public specification computes it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
