"""A dry run does the real thing in a transaction and takes it back: the answer cannot differ from the call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from core.audit import Actor
from trades.products.base import Message
from trades.services.capture import Captured, Outcome, capture_trades

# What an app adds to a dry run: given the trades just captured, what it would find of them.
Preview = Callable[[Sequence[int], datetime], list[dict[str, Any]]]
_PREVIEWS: list[Preview] = []


def on_dry_run(preview: Preview) -> None:
    """Register what an app would say of captured trades."""
    _PREVIEWS.append(preview)


def dry_run(*, message: Message, actor: Actor, at: datetime) -> tuple[Captured, list[dict[str, Any]]]:
    """Return what capture would answer and what the checks would find of a new trade.

    Nothing is stored, nobody is woken.
    """
    with transaction.atomic():
        captured = capture_trades(messages=[message], actor=actor, at=at)[0]
        previews = _PREVIEWS if captured.outcome is Outcome.CREATED else []
        findings = [finding for preview in previews for finding in preview([captured.trade_id], at)]
        transaction.set_rollback(True)
    return captured, findings
