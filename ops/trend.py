"""How full members of limits were in the last week, as a line to draw. The highest and the last stand beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from risk import selectors as risk

SPAN = timedelta(days=7)
WIDTH, HEIGHT = 168, 40  # an hour is one unit; the hard mark is drawn at _HARD
_HARD, _TOP, _HIGHEST = 8, 2, Decimal("1.2")  # what is further over than a fifth is drawn there
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Trend:
    """The line of one member, from left to right, and its figures; `since`: from when it is known."""

    points: str
    highest: Decimal
    highest_at: datetime
    hard: Decimal
    since: datetime


def trends(members: Sequence[tuple[int, str]], *, now: datetime) -> dict[tuple[int, str], Trend]:
    """Return the trends of members of limits (limit id and key), of those of which anything is known."""
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in risk.use_samples(members, since=now - SPAN):
        found.setdefault((row["limit_id"], row["key"]), []).append(row)
    return {member: _trend(rows, now) for member, rows in found.items()}


def _trend(rows: Sequence[dict[str, Any]], now: datetime) -> Trend:
    highest = max(rows, key=lambda row: row["figure"])
    points = " ".join(f"{x},{y}" for x, y in _points(rows, now))
    return Trend(points, highest["figure"], highest["hour"], rows[-1]["hard"], rows[0]["hour"])


def _points(rows: Iterable[dict[str, Any]], now: datetime) -> list[tuple[int, int]]:
    """Return where each hour stands; the last figure is drawn on to the present."""
    points = [(_across(row["hour"], now), _down(row["figure"], row["hard"])) for row in rows]
    return [*points, (WIDTH, points[-1][1])]


def _across(hour: datetime, now: datetime) -> int:
    return min(WIDTH, max(0, WIDTH - (now - hour) // _HOUR - 1))


def _down(figure: Decimal, hard: Decimal) -> int:
    share = min(max(figure / hard, Decimal(0)), _HIGHEST) if hard > 0 else _HIGHEST
    return max(_TOP, HEIGHT - int(share * (HEIGHT - _HARD)))
