"""The delivery log of a webhook: what went out, how often, and what each attempt was answered."""

from __future__ import annotations

from collections import defaultdict

from feed.models import Attempt, Delivery

# The last attempts that are shown of a delivery: a replay may add to them for ever.
MAX_TRIES = 25


def read_log(
    *, webhook_id: int, state: str | None, before: int | None, limit: int
) -> list[tuple[Delivery, list[Attempt]]]:
    """Return deliveries of a webhook, the newest first, with their latest attempts, the oldest of these first.

    before: the id of the last delivery of the page before; None for the first page.
    """
    found = Delivery.objects.filter(webhook_id=webhook_id)
    if state is not None:
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(id__lt=before)
    deliveries = list(found.order_by("-id")[:limit])
    tries: dict[int, list[Attempt]] = defaultdict(list)
    for each in Attempt.objects.filter(delivery__in=deliveries).order_by("id"):
        tries[each.delivery_id].append(each)
    return [(each, tries[each.id][-MAX_TRIES:]) for each in deliveries]
