"""Sealing by the clock: what is due goes once its own cut-off has passed."""

from __future__ import annotations

from datetime import datetime

from core.audit import Actor
from settlement.cut_offs import cut_offs_around
from settlement.selectors import anything_due
from settlement.services.seal import seal_batches


def seal_due(*, now: datetime, actor: Actor) -> list[int]:
    """Seal everything whose cut-off has passed, and return the ids of the new batches.

    A leg goes when the cut-off of its channel, market and currency has come, and its trade is INSTRUCTED with the last
    one. What is validated after its cut-off is late, and goes with the next call.
    """
    cut_offs = cut_offs_around(now.date())
    reach = {place: cut_offs.past(place, now=now) for place in cut_offs.places()}
    value_date = max(reach.values())
    if not anything_due(value_date=value_date):
        return []
    return seal_batches(value_date=value_date, channels=cut_offs.channels, reach=reach, actor=actor, now=now)
