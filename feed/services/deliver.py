"""Sending: one worker at a time for a webhook, in the order of the feed, again and again for days.

No transaction is open while a request is under way: it would hold back the feed and every list. A worker holds a
webhook by a lease that is longer than any request can be; a killed one leaves nothing but the lease, which ends.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from core import sql
from core.audit import encode, record, system
from feed.documents import event_document
from feed.models import Attempt, Delivery, Webhook
from feed.selectors import Position, events_by_subject, last_event_id, read_page
from feed.services.signing import headers_of, secret_of
from feed.services.transport import Answer
from feed.services.webhooks import SUBJECT, selection_of

TASK = "feed.deliver"
LEASE = timedelta(seconds=60)
FAN_OUT = 500  # deliveries that one look at the feed makes; the log itself is the queue of all others
TURN = 200  # messages to one webhook before another has its turn
SLOW_MS = 2_000  # an address whose last answer took longer shares what the slow ones may take
KEPT = timedelta(days=30)
FORGET_AT_ONCE = 10_000
# Pauses before each further attempt: about three days in all. Each is up to a fifth longer or shorter.
PAUSES = tuple(
    timedelta(seconds=each) for each in (5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
# Until then later events wait behind the one that fails, so that an outage changes no order; then they go ahead.
STEPS_ASIDE_AFTER = 5
_GONE = 410

Send = Callable[[str, Mapping[str, str], bytes], Answer]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Held:
    """A webhook that this worker alone may send to, for as long as its lease lasts."""

    webhook: Webhook
    lease: str


@dataclass(frozen=True)
class Message:
    """What is to be sent next: a delivery and the bytes and headers of it."""

    delivery: Delivery
    headers: Mapping[str, str]
    body: bytes


_CLAIM = """
UPDATE feed_webhook SET lease = %(lease)s, leased_until = %(until)s, looked_at = %(now)s
WHERE id = (
    SELECT id FROM feed_webhook
    WHERE is_active AND client_id IN (
        SELECT id FROM core_api_client
        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
    ) AND (leased_until IS NULL OR leased_until <= %(now)s)
      AND (next_at <= %(now)s OR (next_at IS NULL AND position_id < %(last)s))
      AND (%(slow_too)s OR NOT is_slow)
    ORDER BY looked_at NULLS FIRST, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id
"""


def claim_webhook(*, now: datetime, slow_too: bool = True) -> Held | None:
    """Take the webhook that has waited longest for its turn; None when none has anything to be sent.

    Who may not speak to the API any more is not told either. slow_too: also one whose last answer was slow.
    """
    lease = secrets.token_hex(8)
    told = {"lease": lease, "until": now + LEASE, "now": now, "last": last_event_id(), "slow_too": slow_too}
    found = sql.row(_CLAIM, told)
    return None if found is None else Held(Webhook.objects.get(id=found[0]), lease)


def take_turn(held: Held, *, clock: Clock, send: Send, until: datetime, chance: Callable[[], float]) -> int:
    """Send what is due to a webhook, in order, and give it back; return how many messages went out.

    A webhook whose turn fails is not given back: it is left alone until its lease ends.

    until: no message is begun from then on, but the first. chance: a number in [0, 1) that spreads the pauses of what
    failed at the same moment.
    """
    sent = 0
    settled = fan_out(held, now=clock())
    while sent < TURN and (not sent or clock() < until):
        message = next_message(held, now=clock())
        if message is None:
            break
        answer = send(held.webhook.url, message.headers, message.body)
        if not note(held, message, answer, now=clock(), chance=chance):
            break
        sent += 1
    release(held, now=clock(), again_at=None if settled else clock() + timedelta(seconds=1))
    return sent


_RENEW = """
UPDATE feed_webhook SET leased_until = %(until)s
WHERE id = %(id)s AND lease = %(lease)s AND is_active RETURNING id
"""


def _renewed(held: Held, now: datetime) -> bool:
    """Tell whether the webhook is this worker's still, and keep it so for another lease."""
    return bool(sql.row(_RENEW, {"until": now + LEASE, "id": held.webhook.id, "lease": held.lease}))


_FAN_OUT = """
INSERT INTO feed_delivery (webhook_id, event_id, subject_id, state, attempts, next_at)
SELECT %(webhook)s, event_id, subject_id, 'PENDING', 0, %(now)s
FROM unnest(%(ids)s::bigint[], %(subjects)s::bigint[]) AS e(event_id, subject_id) ORDER BY event_id
ON CONFLICT (webhook_id, event_id) DO NOTHING
"""
_WAITING = "SELECT count(*) FROM (SELECT 1 FROM feed_delivery WHERE webhook_id = %s AND state = 'PENDING' LIMIT %s) w"


def fan_out(held: Held, *, now: datetime) -> bool:
    """Make deliveries of the next events of the feed; False when it has more that is not settled yet."""
    webhook = held.webhook
    waiting = sql.row(_WAITING, [webhook.id, FAN_OUT])
    if waiting is not None and waiting[0] >= FAN_OUT:
        return True
    page = read_page(
        after=Position(webhook.position_id, webhook.mark_id, webhook.mark_xid),
        limit=FAN_OUT,
        selection=selection_of(types=webhook.types, sources=webhook.sources),
    )
    with transaction.atomic():
        moved = Webhook.objects.filter(id=webhook.id, lease=held.lease).update(
            position_id=page.next.event_id,
            mark_id=page.next.mark_id,
            mark_xid=page.next.mark_xid,
            next_at=now,  # so that somebody looks again if this worker is killed before it says better
        )
        if moved:
            sql.run(
                _FAN_OUT,
                {
                    "webhook": webhook.id,
                    "now": now,
                    "ids": [each["id"] for each in page.events],
                    "subjects": [each["subject_id"] for each in page.events],
                },
            )
    return bool(page.events) or page.more or page.next.mark_id == 0


def next_message(held: Held, *, now: datetime) -> Message | None:
    """Return what is to be sent now, and keep the lease; None when nothing is due or the webhook is held no more.

    The earliest event that waits goes first, and while it is tried again nothing goes before it. One that
    has failed STEPS_ASIDE_AFTER times waits aside for its own moment.
    """
    if not _renewed(held, now):
        return None
    waiting = Delivery.objects.filter(webhook_id=held.webhook.id, state=Delivery.State.PENDING)
    first = waiting.filter(attempts__lt=STEPS_ASIDE_AFTER).order_by("event_id").first()
    if first is None or first.next_at > now:
        first = (
            waiting.filter(attempts__gte=STEPS_ASIDE_AFTER, next_at__lte=now)
            .order_by("next_at", "event_id")
            .first()
        )
    return None if first is None else _message(held.webhook, first, now)


def _message(webhook: Webhook, delivery: Delivery, now: datetime) -> Message:
    event = events_by_subject([(delivery.subject_id, delivery.event_id)])[delivery.event_id]
    body = encode(event_document(event)).encode()
    versions = [webhook.secret_version]
    if webhook.overlap_until is not None and now < webhook.overlap_until:
        versions.append(webhook.secret_version - 1)
    signed_by = [
        secret_of(webhook_id=webhook.id, salt=bytes(webhook.salt), version=version) for version in versions
    ]
    return Message(
        delivery, headers_of(event_id=delivery.event_id, body=body, secrets=signed_by, now=now), body
    )


def note(held: Held, message: Message, answer: Answer, *, now: datetime, chance: Callable[[], float]) -> bool:
    """Store what came of a message, and when it is tried again; False when the webhook is to be left alone."""
    delivery = message.delivery
    tries = delivery.attempts + 1
    taken = answer.status is not None and 200 <= answer.status < 300
    gone = answer.status == _GONE
    dead = gone or tries > len(PAUSES)
    state = Delivery.State.DELIVERED if taken else Delivery.State.DEAD if dead else Delivery.State.PENDING
    finished = state != Delivery.State.PENDING
    with transaction.atomic():
        Attempt.objects.create(
            delivery=delivery,
            at=now,
            status=answer.status,
            latency_ms=answer.latency_ms,
            excerpt=answer.excerpt,
            error=answer.error,
        )
        # Told again in the meantime: then it waits anew, whatever came of this attempt.
        Delivery.objects.filter(
            id=delivery.id, state=Delivery.State.PENDING, attempts=delivery.attempts
        ).update(
            state=state,
            attempts=tries,
            next_at=now if finished else now + pause(tries, chance=chance),
            finished_at=now if finished else None,
        )
        _note_pace(held.webhook, slow=answer.latency_ms >= SLOW_MS)
        if gone:
            _stop(held.webhook, "its address answered 410 Gone", now)
    return not gone


def _note_pace(webhook: Webhook, *, slow: bool) -> None:
    if slow != webhook.is_slow:
        Webhook.objects.filter(id=webhook.id).update(is_slow=slow)
        webhook.is_slow = slow


def pause(tries: int, *, chance: Callable[[], float]) -> timedelta:
    """Return how long to wait after a number of failed attempts, a fifth longer or shorter by chance."""
    return PAUSES[tries - 1] * (0.8 + 0.4 * chance())


def _stop(webhook: Webhook, because: str, now: datetime) -> None:
    Webhook.objects.filter(id=webhook.id).update(is_active=False, stopped_because=because)
    record(
        type="webhook.stopped",
        subject=SUBJECT,
        ids=[webhook.id],
        actor=system("webhooks"),
        at=now,
        reason=because,
    )


_DUE = """
SELECT least(
    (SELECT next_at FROM feed_delivery WHERE webhook_id = %(id)s AND state = 'PENDING' AND attempts < %(aside)s
     ORDER BY event_id LIMIT 1),
    (SELECT min(next_at) FROM feed_delivery WHERE webhook_id = %(id)s AND state = 'PENDING' AND attempts >= %(aside)s),
    %(again_at)s::timestamptz
)
"""


def release(held: Held, *, now: datetime, again_at: datetime | None) -> None:
    """Give a webhook back, with the moment at which its next delivery is due, or `again_at` if that is earlier."""
    with transaction.atomic():
        # The lock first: what a replay has added just before is then seen by the statement after it.
        if not Webhook.objects.select_for_update().filter(id=held.webhook.id, lease=held.lease).exists():
            return
        due = sql.row(_DUE, {"id": held.webhook.id, "aside": STEPS_ASIDE_AFTER, "again_at": again_at})
        Webhook.objects.filter(id=held.webhook.id).update(
            lease="", leased_until=None, next_at=due and due[0], looked_at=now
        )


def forget_deliveries(*, now: datetime) -> int:
    """Delete what was finished longer ago than it is kept, a bounded number at once; return how many."""
    old = Delivery.objects.filter(finished_at__lt=now - KEPT).order_by("finished_at")[:FORGET_AT_ONCE]
    ids = list(old.values_list("id", flat=True))
    with transaction.atomic():
        Attempt.objects.filter(delivery_id__in=ids).delete()
        Delivery.objects.filter(id__in=ids).delete()
    return len(ids)


def any_chance() -> float:
    """Return a number in [0, 1) for `take_turn`."""
    return random.random()  # noqa: S311 - it spreads load, it guards nothing
