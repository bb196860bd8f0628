"""Sealing by the clock: what is due goes once its channel's cut-off has passed."""

from __future__ import annotations

from datetime import datetime

from core.audit import Actor
from settlement.selectors import anything_due, past_value_dates
from settlement.services.seal import seal_batches


def seal_due(*, now: datetime, actor: Actor) -> list[int]:
    """Seal everything whose cut-off has passed, and return the ids of the new batches.

    Channels whose cut-offs have passed for the same value date are sealed together, so that a trade's legs
    leave together. What is validated after its cut-off is late, and goes with the next call.
    """
    sealed: list[int] = []
    for value_date, channels in past_value_dates(now=now).items():
        if anything_due(value_date=value_date):
            sealed += seal_batches(value_date=value_date, channels=channels, actor=actor, now=now)
    return sealed
