"""Trades that wait for the checks, captured by the product's own service; and whether they were checked."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from bench.drainer import Drainers
from bench.messages import BAD_ONE_IN, Messages
from bench.product import Bench, Database

LOAD = 10_000  # trades of one capture, as many as a bulk POST has
CAPTURED, EXCEPTION, INSTRUCTED = 1, 2, 4
CHANNELS = ("CASH", "SECURITIES", "GOODS")
HORIZON = timedelta(days=30)


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
    """Raise unless exactly `count` trades were checked, each once, and those held that must be.

    `before`: trades of a made history, whose events are not the checks'.
    """
    waiting = database.row("SELECT count(*) FROM core_work WHERE task = 'risk.check'")[0]
    assert waiting == 0, f"{waiting} loads still wait"
    checks = database.row(
        "SELECT count(*), count(DISTINCT subject_id), count(*) FILTER (WHERE type = 'trade.held')"
        " FROM core_event WHERE actor = 'system:checks' AND type IN ('trade.validated', 'trade.held')"
    )
    expected = (count, count, count // BAD_ONE_IN)
    assert checks == expected, f"(checks, trades, held): {checks}, not {expected}"
    states = database.states()
    assert CAPTURED not in states and sum(states.values()) == before + count, f"states: {states}"
    assert states[EXCEPTION] == count // BAD_ONE_IN, f"states: {states}"


def validate(bench: Bench, database: Database, messages: Messages, worker: Drainers, count: int) -> int:
    """Capture trades and have them checked; return how many are now to be sealed."""
    capture(bench, database, messages, count)
    checked, _ = worker.drain()
    assert checked == count, f"{checked} trades were checked, not {count}"
    return count - count // BAD_ONE_IN


def seal(bench: Bench, database: Database) -> tuple[list[int], float]:
    """Seal all that is validated, whenever it settles; return the ids of the batches, and the seconds."""
    from core.audit import system
    from settlement.services.channels import ensure_channels
    from settlement.services.seal import seal_batches

    with bench.using(database):
        ensure_channels()
        started = time.perf_counter()
        batch_ids = seal_batches(
            value_date=bench.settles + HORIZON,
            channels=CHANNELS,
            actor=system("bench"),
            now=datetime.now(UTC),
        )
        return batch_ids, time.perf_counter() - started
