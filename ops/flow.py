"""What flows: how many events of each kind the log got, minute by minute, and what of it is new to a person.

The log has no index by type or time, so the figures are not counted when somebody looks, but once, a stretch of ids
at a time, as the log grows: what is read is a few hundred rows, however many trades there are. See docs/adr/0078.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from core import sql
from core.log import last_id_before

KEPT = timedelta(days=4)  # over a weekend
STEP = 100_000  # event ids in one transaction
BAR = timedelta(minutes=5)
BARS = 24

# What is counted, in the order in which it is told, and how many of it are called.
TYPES: dict[str, str] = {
    "trade.captured": "Trades captured",
    "trade.held": "Trades held",
    "trade.validated": "Trades that passed every check",
    "trade.instructed": "Trades sealed in batches",
    "trade.handed_off": "Trades handed to the back office",
    "trade.acknowledged": "Trades accepted by the back office",
    "trade.rejected": "Trades rejected by the back office",
    "trade.settled": "Trades settled",
    "trade.cancelled": "Trades cancelled",
    "exception.opened": "Exceptions opened",
    "exception.escalated": "Exceptions escalated",
    "exception.closed": "Exceptions closed",
    "batch.sealed": "Batches sealed",
    "batch.claimed": "Batches claimed",
    "batch.acknowledged": "Batches answered",
    "proposal.made": "Approvals asked for",
    "proposal.approved": "Approvals given",
}

_MARK = "INSERT INTO ops_flow_mark (one, event_id) VALUES (true, %s) ON CONFLICT (one) DO NOTHING"
_COUNT = """
INSERT INTO ops_flow_count (minute, type, count)
SELECT date_trunc('minute', e.recorded_at), e.type, count(*) FROM core_events_between(%(above)s, %(up_to)s) e
WHERE e.type = ANY(%(types)s) AND e.recorded_at >= %(first)s GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (minute, type) DO UPDATE SET count = ops_flow_count.count + excluded.count
"""


def count_up_to(*, up_to: int, now: datetime) -> bool:
    """Count the next stretch of the log, up to an id below which it is complete; return whether more is left.

    Each event is counted once: the mark moves in the same transaction, and whoever finds it locked leaves it.
    """
    first = now - KEPT
    with transaction.atomic():
        mark = sql.row("SELECT event_id FROM ops_flow_mark FOR UPDATE SKIP LOCKED")
        if mark is None:
            sql.run(_MARK, [last_id_before(first)])
            mark = sql.row("SELECT event_id FROM ops_flow_mark FOR UPDATE SKIP LOCKED")
        if mark is None or mark[0] >= up_to:
            return False
        end = min(up_to, mark[0] + STEP)
        told = {"above": mark[0], "up_to": end, "types": list(TYPES), "first": first}
        sql.run(_COUNT, told)
        sql.run("DELETE FROM ops_flow_count WHERE minute < %s", [first])
        sql.run("UPDATE ops_flow_mark SET event_id = %s", [end])
    return end < up_to


@dataclass(frozen=True)
class Bar:
    """One piece of a bar, in units of the drawing; `place` is its series' place in the lane."""

    x: int
    y: int
    height: int
    place: int


@dataclass(frozen=True)
class Series:
    """How much of one type flowed: in the last bar, in the last hour and in all that is drawn."""

    name: str
    place: int
    lately: int
    in_hour: int
    in_all: int


@dataclass(frozen=True)
class Lane:
    """What flows through one part of the house, as a drawing and as figures; `most`: in the highest bar."""

    title: str
    series: list[Series]
    bars: list[Bar]
    most: int


LANES: dict[str, tuple[tuple[str, str], ...]] = {
    "Intake": (("trade.captured", "captured"),),
    "Checks": (("trade.validated", "passed"), ("trade.held", "held")),
    "Batches": (("batch.sealed", "sealed"), ("batch.acknowledged", "answered")),
}
WIDTH, HEIGHT, _STEP_X = 10 * BARS, 48, 10
_FLOWED = """
SELECT type, floor(extract(epoch FROM minute - %(first)s) / %(length)s)::int AS bar, sum(count)::bigint
FROM ops_flow_count WHERE minute >= %(first)s AND minute < %(end)s AND type = ANY(%(drawn)s) GROUP BY 1, 2
UNION ALL SELECT type, NULL, sum(count)::bigint
FROM ops_flow_count WHERE minute >= date_trunc('minute', %(since)s) GROUP BY 1
"""


@dataclass(frozen=True)
class Flow:
    """What flowed in the last two hours, the bar of the present minutes last, and of each type how much since then."""

    lanes: list[Lane]
    since: dict[str, int]


def flow(*, now: datetime, since: datetime) -> Flow:
    """Return what flows, and how many events of each type there were since the minute of a moment, if any."""
    end = _bar_of(now) + BAR
    drawn = [type for series in LANES.values() for type, _ in series]
    told = {"first": end - BARS * BAR, "end": end, "length": BAR.seconds, "drawn": drawn, "since": since}
    counts = {(type, bar): count for type, bar, count in sql.rows(_FLOWED, told)}
    return Flow(
        [_lane(title, series, counts) for title, series in LANES.items()],
        {each: counts[each, None] for each in TYPES if (each, None) in counts},
    )


def _bar_of(moment: datetime) -> datetime:
    return moment - timedelta(
        minutes=moment.minute % 5, seconds=moment.second, microseconds=moment.microsecond
    )


def _lane(
    title: str, series: Sequence[tuple[str, str]], counts: Mapping[tuple[str, int | None], int]
) -> Lane:
    flowed = [[counts.get((type, bar), 0) for bar in range(BARS)] for type, _ in series]
    most = max(sum(each) for each in zip(*flowed, strict=True))
    in_hour = timedelta(hours=1) // BAR
    told = [
        Series(name, place, flowed[place][-1], sum(flowed[place][-in_hour:]), sum(flowed[place]))
        for place, (_, name) in enumerate(series)
    ]
    return Lane(title, told, _bars(flowed, most), most)


def _bars(flowed: Sequence[Sequence[int]], most: int) -> list[Bar]:
    """Return the pieces of every bar, the first series at the bottom; what is not nothing can be seen."""
    found = []
    for at in range(BARS):
        base = HEIGHT
        for place, counts in enumerate(flowed):
            if counts[at]:
                height = max(2, counts[at] * (HEIGHT - 4) // most)
                base -= height
                found.append(Bar(at * _STEP_X, base, height, place))
    return found
