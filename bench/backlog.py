"""Trades that wait for the checks, captured by the product's own service; and whether they were checked."""

from __future__ import annotations

from datetime import UTC, datetime

from bench.messages import BAD_ONE_IN, Messages
from bench.product import Bench, Database

LOAD = 10_000  # trades of one capture, as many as a bulk POST has
CAPTURED, EXCEPTION, VALIDATED = 1, 2, 3


def capture(bench: Bench, database: Database, messages: Messages, count: int) -> None:
    """Capture trades, so that they wait for the checks."""
    from django.db import transaction

    from core.audit import system
    from trades.products._reading import read_message
    from trades.services.capture import capture_trades

    with bench.using(database):
        for at in range(0, count, LOAD):
            load = [read_message(raw) for raw in messages.take(min(LOAD, count - at))]
            with transaction.atomic():
                capture_trades(messages=load, actor=system("bench"), at=datetime.now(UTC))


def verify_checked(database: Database, count: int, *, before: int = 0) -> None:
    """Raise unless exactly `count` trades beyond `before` were checked, each once, and held where they must be."""
    waiting = database.row("SELECT count(*) FROM core_work WHERE task = 'risk.check'")[0]
    states = database.states()
    assert waiting == 0 and not states.get(CAPTURED), f"{waiting} loads wait; states {states}"
    checked = database.row(
        "SELECT count(*), count(DISTINCT subject_id) FROM core_event WHERE type IN ('trade.validated', 'trade.held')"
    )
    assert checked == (before + count, before + count), f"{checked} checks of {before + count} trades"
    held = states.get(EXCEPTION, 0)
    assert held == (before + count) // BAD_ONE_IN or before, f"{held} of {count} trades are held"
