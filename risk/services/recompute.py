"""Recomputation: the running figures of every limit, told again from the trades alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.clock import business_date
from core.money import ZERO
from risk.services.limits import decide, exposures_of, limits_in_force
from trades.lifecycle import LIVE_STATES

TASK = "risk.recompute_limits"
CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A running figure that the trades do not add up to."""

    limit_id: int
    key: str
    running: Decimal
    recomputed: Decimal


def recompute_limits(*, now: datetime, actor: Actor, correct: bool) -> list[Difference]:
    """Recompute every running figure from the live trades and return what differs.

    `correct` puts the recomputed figures in place and logs each difference. Checks wait meanwhile: the table
    of figures is locked against change, so that the answer belongs to one moment.
    """
    with transaction.atomic():
        sql.run("LOCK TABLE risk_utilisation IN SHARE ROW EXCLUSIVE MODE")
        running = {
            (limit_id, key): used
            for limit_id, key, used in sql.rows("SELECT limit_id, key, used FROM risk_utilisation")
        }
        told = _from_trades(now)
        differences = [
            Difference(member[0], member[1], running.get(member, ZERO), told.get(member, ZERO))
            for member in sorted(running.keys() | told.keys())
            if running.get(member, ZERO) != told.get(member, ZERO)
        ]
        if correct:
            _correct(differences, now, actor)
    return differences


def _from_trades(now: datetime) -> dict[tuple[int, str], Decimal]:
    limits = limits_in_force(on=business_date(now))
    figures: dict[tuple[int, str], Decimal] = {}
    after = 0
    while True:
        ids = [
            trade_id
            for (trade_id,) in sql.rows(
                "SELECT trade_id FROM trades_state WHERE trade_id > %s AND state = ANY(%s)"
                " AND checked_version IS NOT NULL ORDER BY trade_id LIMIT %s",
                [after, [state.value for state in LIVE_STATES], CHUNK],
            )
        ]
        if not ids:
            return figures
        after = ids[-1]
        exposures = exposures_of(ids, limits, version="checked_version")
        for member, size in decide(limits, exposures, {}).deltas.items():
            figures[member] = figures.get(member, ZERO) + size


def _correct(differences: list[Difference], now: datetime, actor: Actor) -> None:
    for each in differences:
        sql.run(
            "INSERT INTO risk_utilisation (limit_id, key, used) VALUES (%s, %s, %s)"
            " ON CONFLICT (limit_id, key) DO UPDATE SET used = excluded.used",
            [each.limit_id, each.key, each.recomputed],
        )
        record(
            type="limit.corrected",
            subject="limit",
            ids=[each.limit_id],
            actor=actor,
            at=now,
            data={"key": each.key, "running": each.running, "recomputed": each.recomputed},
        )
