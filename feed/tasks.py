"""The worker's side of webhooks."""

from __future__ import annotations

from collections.abc import Mapping

from celery import shared_task
from django.conf import settings

from core.clock import utc_now
from feed.services.deliver import TASK, any_chance, forget_deliveries
from feed.services.dispatch import dispatch
from feed.services.summarise import summarise_log
from feed.services.transport import Answer
from feed.services.transport import send as send_over_http


def _send(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    return send_over_http(url=url, headers=headers, body=body, private=settings.WEBHOOK_PRIVATE_ADDRESSES)


@shared_task(name=TASK)
def deliver() -> int:
    """Tell webhooks what they have not been told; return how many messages. Beat looks again at once."""
    return dispatch(clock=utc_now, send=_send, senders=settings.WEBHOOK_SENDERS, chance=any_chance)


@shared_task(name="feed.summarise_log")
def summarise() -> bool:
    """Let the index of the log cover what was written last."""
    return summarise_log()


@shared_task(name="feed.forget_deliveries")
def forget() -> int:
    """Delete deliveries past their time."""
    return forget_deliveries(now=utc_now())
