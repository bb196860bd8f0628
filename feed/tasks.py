"""The worker's side of webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from celery import shared_task
from django.conf import settings

from core.clock import utc_now
from core.wake import wake
from feed.services.deliver import TASK, any_chance, deliver_turn, forget_deliveries
from feed.services.summarise import summarise_log
from feed.services.transport import Answer
from feed.services.transport import send as send_over_http

TURN = timedelta(seconds=10)  # then the next message goes on, so that a stop or a deploy never waits long


def _send(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    return send_over_http(url=url, headers=headers, body=body, private=settings.WEBHOOK_PRIVATE_ADDRESSES)


@shared_task(name=TASK)
def deliver() -> int:
    """Tell webhooks what they have not been told, until none waits or the turn is over; return how many messages."""
    sent, ends = 0, utc_now() + TURN
    while utc_now() < ends:
        now_sent = deliver_turn(clock=utc_now, send=_send, until=ends, chance=any_chance)
        if now_sent is None:
            return sent
        sent += now_sent
    wake(TASK)
    return sent


@shared_task(name="feed.summarise_log")
def summarise() -> bool:
    """Let the index of the log cover what was written last."""
    return summarise_log()


@shared_task(name="feed.forget_deliveries")
def forget() -> int:
    """Delete deliveries past their time."""
    return forget_deliveries(now=utc_now())
