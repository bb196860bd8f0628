"""What is still open against the next cut-offs, and what of it will miss them at the present pace."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from core import sql
from settlement.cut_offs import (
    CutOffs,
    Place,
    cut_offs_around,
    places_of,
)
from settlement.models import CHANNELS
from trades.lifecycle import State
from trades.services.deadlines import Due

WINDOW = timedelta(hours=1)  # the pace is that of the last hour or half hour, whichever is slower
_HALF = WINDOW / 2
COUNT_CAP = 10_000  # trades of a state that are looked at
BATCH_CAP = 2_000  # batches, the last sealed
# What stands before a seal, by state, and the names that it goes by.
OPEN = {State.CAPTURED: "captured", State.EXCEPTION: "held", State.VALIDATED: "validated"}
UNCLAIMED = "unclaimed"


class Group(NamedTuple):
    """Trades of a state that are due alike: how many, and how many of them came there in the last hour and its half.

    market and currency: of the instrument, empty where there is none.
    """

    state: int
    product: str
    settlement_date: date
    currency: str
    contra_currency: str | None
    market: str
    instrument_currency: str
    trades: int
    in_hour: int = 0
    in_half: int = 0


GROUP_COLUMNS = (
    "v.product, v.settlement_date, v.currency, v.contra_currency,"
    " coalesce(i.market, ''), coalesce(i.currency, '')"
)
_GROUPED = "2, 3, 4, 5, 6, 7"
_LATELY = "count(*), count(*) FILTER (WHERE s.changed_at > %(hour)s), count(*) FILTER (WHERE s.changed_at > %(half)s)"
_GROUPS = f"""
SELECT w.state, {GROUP_COLUMNS}, {_LATELY}
FROM unnest(%(states)s::smallint[]) AS w(state)
CROSS JOIN LATERAL (
    SELECT trade_id, version, changed_at FROM trades_state WHERE state = w.state ORDER BY trade_id LIMIT %(cap)s
) AS s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
GROUP BY 1, {_GROUPED}
"""
# Trades that were held and are no longer: people, or better reference data, had them corrected or accepted.
_WORKED = f"""
SELECT {State.EXCEPTION.value}, {GROUP_COLUMNS}, {_LATELY.replace("s.changed_at", "e.closed_at")}
FROM (
    SELECT trade_id, max(closed_at) AS closed_at FROM (
        SELECT trade_id, closed_at FROM trades_exception
        WHERE closed_at > %(hour)s AND closed_at <= %(now)s AND kind = 'FINDING' ORDER BY closed_at DESC LIMIT %(cap)s
    ) AS closed GROUP BY trade_id
) AS e
JOIN trades_state s ON s.trade_id = e.trade_id
    AND s.state NOT IN ({State.CAPTURED.value}, {State.EXCEPTION.value})
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
GROUP BY 1, {_GROUPED}
"""
# A batch says how many instructions it has of each asset, so none of them is looked at.
_UNCLAIMED = """
SELECT b.channel_id, b.value_date, CASE b.channel_id WHEN 'CASH' THEN t.asset ELSE coalesce(i.currency, '') END,
       coalesce(i.market, ''), sum((d.total->>'count')::bigint)::bigint
FROM (SELECT * FROM settlement_batch ORDER BY id DESC LIMIT %(cap)s) AS b
JOIN settlement_batch_state s ON s.batch_id = b.id AND s.claimed_at IS NULL
    AND b.channel_id = ANY(%(channels)s::text[])
CROSS JOIN LATERAL jsonb_each(b.control_totals) AS t(asset, directions)
CROSS JOIN LATERAL jsonb_each(t.directions) AS d(direction, total)
LEFT JOIN refdata_instrument i ON b.channel_id <> 'CASH' AND i.code = t.asset
GROUP BY 1, 2, 3, 4
"""


@dataclass
class CutOffAhead:
    """The next cut-off of a place: when, for which value date, and what is still open against it.

    open: trades by the names of OPEN, and the instructions sealed and not claimed. checked, worked: how many trades
    were checked, and how many that were held came free, in the last hour and in its second half. capped: there were
    too many to look at all.
    """

    place: Place
    value_date: date
    at: datetime
    open: Counter[str] = field(default_factory=Counter)
    checked: tuple[int, int] = (0, 0)
    worked: tuple[int, int] = (0, 0)
    capped: bool = False

    def expected_to_miss(self, now: datetime) -> int:
        """Return how many trades will still be unchecked or held at the cut-off, if all goes on at the present pace.

        What is ready leaves by itself.
        """
        left = max(self.at - now, timedelta(0))
        return sum(
            max(0, self.open[OPEN[state]] - math.floor(done_per_hour(done) * (left / WINDOW)))
            for state, done in ((State.CAPTURED, self.checked), (State.EXCEPTION, self.worked))
        )


def done_per_hour(done: tuple[int, int]) -> int:
    """Return the slower of two paces: what was done in the last hour, and twice what was done in its second half."""
    in_hour, in_half = done
    return min(in_hour, 2 * in_half)


def ahead(cut_offs: CutOffs, *, now: datetime) -> list[CutOffAhead]:
    """Return the next cut-off of each channel and of each place with one of its own, the earliest first."""
    found: dict[Place, CutOffAhead] = {}
    for place in cut_offs.places():
        value_date = cut_offs.following(place, now=now)
        rule = cut_offs.rule(place, value_date)
        found.setdefault(rule.place, CutOffAhead(rule.place, value_date, cut_offs.moment(place, value_date)))
    return sorted(found.values(), key=lambda each: (each.at, each.place))


def count_open(
    lines: Sequence[CutOffAhead], groups: Iterable[Group], cut_offs: CutOffs, now: datetime
) -> None:
    """Add to each line the trades of groups that are due by it with any of their legs."""
    by_place = _lines_by_place(lines, cut_offs, now)
    for group in groups:
        for line in by_place(_places(group, cut_offs)):
            if group.settlement_date > line.value_date:
                continue
            line.open[OPEN[State(group.state)]] += group.trades
            if group.state != State.CAPTURED:  # its checks are done
                line.checked = _plus(line.checked, group)


def next_cut_offs(
    *, now: datetime, cap: int = COUNT_CAP, cut_offs: CutOffs | None = None
) -> list[CutOffAhead]:
    """Return the next cut-offs with what is open against them and the pace at which it is worked, the earliest first.

    cap: how many trades of a state are looked at, at most. cut_offs: those of today, where they are known already.
    """
    cut_offs = cut_offs or cut_offs_around(now.date())
    lines = ahead(cut_offs, now=now)
    asked = {
        "states": [state.value for state in OPEN],
        "cap": cap + 1,
        "now": now,
        "hour": now - WINDOW,
        "half": now - _HALF,
    }
    groups = [Group(*row) for row in sql.rows(_GROUPS, asked)]
    count_open(lines, groups, cut_offs, now)
    by_place = _lines_by_place(lines, cut_offs, now)
    for worked in (Group(*row) for row in sql.rows(_WORKED, asked)):
        for line in by_place(_places(worked, cut_offs)):
            if worked.settlement_date <= line.value_date:
                line.worked = _plus(line.worked, worked)
    _count_unclaimed(by_place, cut_offs)
    looked_at: Counter[int] = Counter()
    for group in groups:
        looked_at[group.state] += group.trades
    for line in lines:
        line.capped = any(count > cap for count in looked_at.values())
    return lines


def _plus(done: tuple[int, int], group: Group) -> tuple[int, int]:
    return done[0] + group.in_hour, done[1] + group.in_half


LinesOf = Callable[[Collection[Place]], list[CutOffAhead]]


def _lines_by_place(lines: Sequence[CutOffAhead], cut_offs: CutOffs, now: datetime) -> LinesOf:
    """Return what tells the lines of places: several places may have one cut-off."""
    by_rule = {line.place: line for line in lines}
    of_place = {
        place: by_rule[cut_offs.rule(place, cut_offs.following(place, now=now)).place]
        for place in cut_offs.places()
    }

    def lines_of(places: Collection[Place]) -> list[CutOffAhead]:
        return list({of_place[place].place: of_place[place] for place in places}.values())

    return lines_of


def _places(group: Group, cut_offs: CutOffs) -> set[Place]:
    due = Due(group.product, group.settlement_date, group.currency, group.contra_currency, 0)
    return places_of(cut_offs, due, {0: (group.market, group.instrument_currency)})


def _count_unclaimed(lines_of: LinesOf, cut_offs: CutOffs) -> None:
    for channel, value_date, currency, market, count in sql.rows(
        _UNCLAIMED, {"cap": BATCH_CAP, "channels": list(CHANNELS)}
    ):
        for line in lines_of([cut_offs.place(channel, market=market, currency=currency)]):
            if value_date <= line.value_date:
                line.open[UNCLAIMED] += count
