"""What a change of calendars, cycles and cut-offs comes to: settlement dates of open trades, and cut-offs to come.

Both are told by the code that decides them, once before the change and once after it, in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from core import sql
from core.ids import TRADE, public_id
from settlement.cut_offs import Place, cut_offs_around, cut_offs_of_trades
from trades.lifecycle import State
from trades.products._reading import Unreadable
from trades.services.capture import context_of, enrich
from trades.services.deadlines import DUE_COLUMNS, Due
from trades.services.versions import current_versions, restate

TRADES_MOST = 5_000  # open trades that are looked at, the latest first
LISTED = 200
_DAYS_AHEAD = 15  # value dates whose cut-offs are compared
_OPEN = ", ".join(str(each.value) for each in (State.CAPTURED, State.EXCEPTION, State.VALIDATED))
_LATEST = f"SELECT trade_id FROM trades_state WHERE state IN ({_OPEN}) ORDER BY trade_id DESC LIMIT %s"


@dataclass(frozen=True)
class Effect:
    """What would be otherwise. `trades`: open trades that would get another settlement date if they came now;
    `deadlines`: those with another first cut-off; `cut_offs`: of the next days, by place. `dates` and `moments` are the
    first of them, `partial` says that more trades are open than were looked at."""

    trades: int = 0
    deadlines: int = 0
    cut_offs: int = 0
    partial: bool = False
    dates: tuple[Mapping[str, Any], ...] = ()
    moments: tuple[Mapping[str, Any], ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return the effect without its items, as data for JSON."""
        return {name: value for name, value in asdict(self).items() if name not in {"dates", "moments"}}


@dataclass(frozen=True)
class Seen:
    """How everything stands in the caller's transaction: settlement dates and first cut-offs by trade, and cut-offs by
    place and value date."""

    dates: Mapping[int, tuple[date, date]]
    deadlines: Mapping[int, datetime]
    cut_offs: Mapping[tuple[Place, date], datetime]
    partial: bool


def look(now: datetime) -> Seen:
    """Return how everything stands now, in the caller's transaction."""
    ids = [trade_id for (trade_id,) in sql.rows(_LATEST, [TRADES_MOST + 1])]
    rows = current_versions(trade_ids=ids[:TRADES_MOST])
    dues = {row["trade_id"]: Due(*(row[name] for name in DUE_COLUMNS)) for row in rows}
    moments = cut_offs_of_trades(set(dues.values()))
    return Seen(
        _dates(rows, now),
        {trade_id: moments[due] for trade_id, due in dues.items() if due in moments},
        _cut_offs(now),
        len(ids) > TRADES_MOST,
    )


def _dates(rows: list[dict[str, Any]], now: datetime) -> dict[int, tuple[date, date]]:
    """Return, by trade, its settlement date and the one that it would get if it came without any."""
    asked = []
    for row in rows:
        try:
            message = restate(row)
        except Unreadable:  # it stays as it is, and stops no other
            continue
        asked.append((row, msgspec.structs.replace(message, settlement_date=None)))
    context = context_of([message for _, message in asked], at=now)
    return {
        row["trade_id"]: (row["settlement_date"], enrich(message, context).settlement_date)
        for row, message in asked
    }


def _cut_offs(now: datetime) -> dict[tuple[Place, date], datetime]:
    first = now.date()
    days = [first + timedelta(days=n) for n in range(_DAYS_AHEAD)]
    known = cut_offs_around(first, days[-1])
    return {(place, day): known.moment(place, day) for place in known.places() for day in days}


def compare(before: Seen, after: Seen) -> Effect:
    """Return what is otherwise after a change than it was before."""
    dates = [
        {
            "trade": public_id(TRADE, trade_id),
            "settlement_date": stands.isoformat(),
            "before": was.isoformat(),
            "after": after.dates[trade_id][1].isoformat(),
        }
        for trade_id, (stands, was) in sorted(before.dates.items())
        if trade_id in after.dates and after.dates[trade_id][1] != was
    ]
    late = [each for each, at in before.deadlines.items() if after.deadlines.get(each) != at]
    moments = [
        {
            **place._asdict(),
            "value_date": day.isoformat(),
            "before": was.isoformat() if was else None,
            "after": at.isoformat(),
        }
        for (place, day), at in sorted(after.cut_offs.items())
        if (was := before.cut_offs.get((place, day))) != at
    ]
    return Effect(
        trades=len(dates),
        deadlines=len(late),
        cut_offs=len(moments),
        partial=before.partial,
        dates=tuple(dates[:LISTED]),
        moments=tuple(moments[:LISTED]),
    )
