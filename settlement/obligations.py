"""The calendar of obligations: what is owed on each value date, of which asset, and how far it has come.

A leg is one obligation until it is sealed; from then on its instruction is, which may net several. What the calendar
counts and what its lists show is one relation of SQL. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from core import sql
from core.clock import business_date
from core.ids import INSTRUCTION, public_id
from settlement.open_records import LEG_BITS, leg_reference
from settlement.services._unsealed import EXPANDED, SEALABLE, unsealed_sql
from trades.services.guards import held_back

MOST = 20_000  # trades of a state, and instructions of a value date, that are looked at
LINES = 1_000  # of a value date
TIMEOUT_MS = 5_000
KINDS = ("CASH", "SECURITY", "GOODS")
DIRECTIONS = ("DELIVER", "RECEIVE", "NIL")


class Standing(StrEnum):
    """How far an obligation has come."""

    OPEN = "OPEN"
    HELD = "HELD"
    SEALED = "SEALED"
    CLAIMED = "CLAIMED"
    FAILED = "FAILED"
    SETTLED = "SETTLED"


MEANINGS: Mapping[Standing, str] = {
    Standing.OPEN: "legs of checked trades that are not sealed yet",
    Standing.HELD: "legs that an exception, a hold, a stop or a missing confirmation keeps from being sealed, and"
    " instructions whose batch is withheld",
    Standing.SEALED: "instructions that nobody has claimed yet",
    Standing.CLAIMED: "instructions that the back office has and that have not settled yet",
    Standing.FAILED: "what is left of instructions that failed, settled in part, or were cancelled unasked",
    Standing.SETTLED: "what has settled",
}


@dataclass(frozen=True)
class Figure:
    """How many obligations, and how much of their asset they add up to."""

    count: int
    quantity: Decimal


@dataclass(frozen=True)
class Line:
    """The obligations of a value date in one asset and direction, by standing; asset_kind is one of KINDS."""

    asset_kind: str
    asset: str
    direction: str
    figures: dict[Standing, Figure]


@dataclass(frozen=True)
class Day:
    """A value date with its lines: currencies first, then securities and goods, by name.

    lines_left_off: how many lines it has besides. at_least: standings of which not all could be looked at, so that
    there may be more than the figures say. is_late: the day is over, and something of it is not settled.
    """

    value_date: date
    lines: list[Line]
    lines_left_off: int = 0
    at_least: frozenset[Standing] = frozenset()
    is_late: bool = False


@dataclass(frozen=True)
class WantedObligations:
    """Which obligations of a value date are listed; what is empty filters nothing."""

    value_date: date
    asset: str = ""
    direction: str = ""
    standing: Standing | None = None


# What of an instruction has settled, and what is left of it, are two figures. One that is recalled is no obligation
# any more, as its legs wait anew, but for the part that had settled before. Nor is what cancels another.
_SEALED = """
    sealed AS (
        SELECT i.id, i.batch_id, i.trade_ids[1] AS trade_id, i.asset_kind, i.asset, i.direction, i.value_date,
               i.counterparty_id, piece.part, piece.quantity, piece.standing
        FROM unnest(%(days)s::date[]) AS d(day)
        CROSS JOIN LATERAL (
            SELECT n.*, t.claimed_at IS NOT NULL AS is_claimed
            FROM settlement_batch b
            JOIN settlement_batch_state t ON t.batch_id = b.id
            JOIN settlement_instruction n ON n.batch_id = b.id
            WHERE b.value_date = d.day AND t.recalled_at IS NULL
            ORDER BY b.id, n.line LIMIT %(most)s
        ) AS i
        JOIN settlement_instruction_state s ON s.instruction_id = i.id
        LEFT JOIN settlement_recall r ON r.instruction_id = i.id
        CROSS JOIN LATERAL (
            SELECT 1 AS part, 'SETTLED' AS standing,
                   CASE s.settlement WHEN 'SETTLED' THEN i.quantity ELSE s.settled_quantity END AS quantity
            WHERE s.settlement = 'SETTLED' OR s.settled_quantity > 0
            UNION ALL
            SELECT 0, CASE WHEN s.settlement IN ('FAILED', 'PARTIAL') OR s.cancellation = 'COMPLETED' THEN 'FAILED'
                        WHEN i.is_claimed THEN 'CLAIMED'
                        WHEN EXISTS (SELECT FROM settlement_withholding w
                                     WHERE w.batch_id = i.batch_id AND w.ended_at IS NULL) THEN 'HELD'
                        ELSE 'SEALED' END, i.quantity - s.settled_quantity
            WHERE s.settlement NOT IN ('SETTLED', 'CANCELLED') AND r.instruction_id IS NULL
        ) AS piece
        WHERE i.cancels IS NULL AND s.processing <> 'REJECTED'
          AND (r.instruction_id IS NULL OR r.remainder IS NOT NULL)
    )"""
_OBLIGATIONS = f"""
WITH {unsealed_sql()}, {_SEALED}, obligation AS (
    SELECT 0 AS number, (trade_id << {LEG_BITS}) + leg AS key, 0 AS part, trade_id, NULL::bigint AS batch_id,
           asset_kind, asset, direction, quantity, value_date, counterparty_id,
           CASE WHEN held THEN 'HELD' ELSE 'OPEN' END AS standing
    FROM unsealed WHERE value_date = ANY(%(days)s::date[])
    UNION ALL
    SELECT 1, id, part, trade_id, batch_id, asset_kind, asset, direction, quantity, value_date, counterparty_id,
           standing
    FROM sealed
)"""
# Of legs the days are enough, whatever keeps them. Days on which something is sealed are leapt to one by one, however
# many batches a day has. A day before this week is there only while a batch of it, or a leg, is not done with.
_DAYS = f"""
WITH RECURSIVE {unsealed_sql()}, sealed_day AS (
    (SELECT value_date, 1 AS n FROM settlement_batch WHERE value_date >= greatest(%(since)s, %(monday)s)
     ORDER BY value_date LIMIT 1)
    UNION ALL
    SELECT (SELECT b.value_date FROM settlement_batch b WHERE b.value_date > d.value_date
            ORDER BY b.value_date LIMIT 1), d.n + 1
    FROM sealed_day d WHERE d.value_date IS NOT NULL AND d.n < %(limit)s
), day AS (
    SELECT value_date FROM apart
    UNION
    SELECT value_date FROM sealed_day WHERE value_date IS NOT NULL
    UNION
    SELECT b.value_date FROM (
        SELECT batch_id FROM settlement_batch_state
        WHERE recalled_at IS NULL AND instruction_count > rejected + settled ORDER BY batch_id LIMIT %(most)s
    ) AS s JOIN settlement_batch b ON b.id = s.batch_id
    WHERE b.value_date >= %(since)s AND b.value_date < %(monday)s
)
SELECT value_date FROM day ORDER BY value_date LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Page:
    """What a screen shows at once: days, on which day the next page of them begins, and a page of obligations."""

    days: list[Day]
    following: date | None
    rows: list[dict[str, Any]]


def list_days(*, now: datetime, since: date = date.min, limit: int) -> tuple[list[Day], date | None]:
    """Return the calendar from a value date on, and the day on which its next page begins, None on the last.

    First the days before this week on which something is still open, then every day of this week and later ones on
    which anything is owed. sql.TookTooLong when a statement takes more than TIMEOUT_MS.
    """
    with sql.within(TIMEOUT_MS):
        return _list_days(now, since, limit, _stopped())


def read_day(value_date: date, *, now: datetime) -> Day:
    """Return one value date, without any line where nothing is owed on it. sql.TookTooLong as in `list_days`."""
    with sql.within(TIMEOUT_MS):
        return _read_day(value_date, now, _stopped())


def list_obligations(
    *, wanted: WantedObligations, after: tuple[int, ...] | None = None, limit: int
) -> list[dict[str, Any]]:
    """Return the obligations behind figures of the calendar: legs, then instructions, each by id, after an `at`.

    Each has `at`, its key of three numbers for the next page, and: record (LEG or INSTRUCTION), reference, trade_id,
    batch_id, asset_kind, asset, direction, quantity, value_date, standing, party, party_name. An instruction that has
    settled in part is there twice, with what is left and with what has settled. sql.TookTooLong as in `list_days`.
    """
    with sql.within(TIMEOUT_MS):
        return _list_obligations(wanted, after, limit, _stopped())


def read_page(
    *,
    now: datetime,
    since: date | None = None,
    only: date | None = None,
    days: int,
    wanted: WantedObligations | None = None,
    after: tuple[int, ...] | None = None,
    limit: int,
) -> Page:
    """Return some days as `list_days` does, or `only` one where anything is owed on it, and with them the obligations
    that are wanted, if any are, as `list_obligations` does: `limit` of them. sql.TookTooLong likewise.
    """
    with sql.within(TIMEOUT_MS):
        stopped = _stopped()
        following = None
        if only is None:
            found, following = _list_days(now, since or date.min, days, stopped)
        else:
            found = [day for day in [_read_day(only, now, stopped)] if day.lines]
        rows = [] if wanted is None else _list_obligations(wanted, after, limit, stopped)
    return Page(found, following, rows)


def _list_days(now: datetime, since: date, limit: int, stopped: list[int]) -> tuple[list[Day], date | None]:
    today = business_date(now)
    monday = today - timedelta(days=today.weekday())
    asked = {**_asked(since, date.max, stopped), "monday": monday, "limit": limit + 1}
    days = [day for (day,) in sql.rows(_DAYS, asked)]
    return _figures(days[:limit], today, stopped), days[limit] if len(days) > limit else None


def _read_day(value_date: date, now: datetime, stopped: list[int]) -> Day:
    found = _figures([value_date], business_date(now), stopped)
    return found[0] if found else Day(value_date, [])


def _list_obligations(
    wanted: WantedObligations, after: tuple[int, ...] | None, limit: int, stopped: list[int]
) -> list[dict[str, Any]]:
    day = wanted.value_date
    conditions = [
        f"{name} = %({name})s" for name in ("asset", "direction", "standing") if getattr(wanted, name)
    ]
    if after:
        conditions.append("(number, key, part) > (%(number)s, %(key)s, %(part)s)")
    number, key, part = after or (0, 0, 0)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    asked = {**vars(wanted), "number": number, "key": key, "part": part, "limit": limit}
    rows = sql.records(
        f"""{_OBLIGATIONS}
        SELECT o.*, p.code AS party, p.name AS party_name
        FROM (SELECT * FROM obligation {where} ORDER BY number, key, part LIMIT %(limit)s) AS o
        LEFT JOIN refdata_party p ON p.id = o.counterparty_id ORDER BY o.number, o.key, o.part""",
        {**_asked(day, day, stopped), **asked, "days": [day]},
    )
    return [{**row, **_named(row)} for row in rows]


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    number, key = row["number"], row["key"]
    reference = public_id(INSTRUCTION, key) if number else leg_reference(key)
    return {
        "at": (number, key, row["part"]),
        "record": "INSTRUCTION" if number else "LEG",
        "reference": reference,
    }


def _asked(since: date, until: date, stopped: list[int]) -> dict[str, Any]:
    return {"since": since, "until": until, "most": MOST, "stopped": stopped}


def _stopped() -> list[int]:
    """Return the trades that must not leave now, of those that a seal may find a leg of."""
    return held_back(SEALABLE.format(most=MOST))


_LINES = f"""
{_OBLIGATIONS}, line AS (
    SELECT value_date, asset_kind, asset, direction, standing, count(*) AS count, sum(quantity) AS quantity,
           dense_rank() OVER (PARTITION BY value_date ORDER BY array_position(%(kinds)s::text[], asset_kind),
                                                               asset COLLATE "C", direction) AS rank
    FROM obligation GROUP BY value_date, asset_kind, asset, direction, standing
)
SELECT * FROM (SELECT *, max(rank) OVER (PARTITION BY value_date) AS lines FROM line) AS l
WHERE rank <= %(lines)s ORDER BY value_date, rank
"""
# Whether there were more trades than were looked at, and on which days more instructions.
_MORE = f"""
SELECT EXISTS (SELECT FROM trades_state WHERE state = {EXPANDED[0].value} OFFSET %(most)s)
    OR EXISTS (SELECT FROM trades_state WHERE state = {EXPANDED[1].value} OFFSET %(most)s)
    OR EXISTS (SELECT FROM settlement_obligation
               WHERE instruction_id IS NULL AND value_date BETWEEN %(since)s AND %(until)s OFFSET %(most)s),
    (SELECT jsonb_agg(c.value_date) FROM (
        SELECT value_date FROM settlement_batch WHERE value_date = ANY(%(days)s::date[])
        GROUP BY value_date HAVING sum(instruction_count) > %(most)s) AS c)
"""


def _figures(days: list[date], today: date, stopped: list[int]) -> list[Day]:
    """Return the days of a list, in order, on which anything is owed."""
    if not days:
        return []
    asked = {**_asked(days[0], days[-1], stopped), "days": days, "kinds": list(KINDS), "lines": LINES}
    rows = sql.records(_LINES, asked)
    ((more_legs, found),) = sql.rows(_MORE, asked)
    crowded = set(sql.json_value(found) or ())
    by_day: dict[date, list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["value_date"], []).append(row)
    return [
        _day(day, by_day[day], _at_least(more_legs, day.isoformat() in crowded), today)
        for day in days
        if day in by_day
    ]


def _at_least(more_legs: bool, more_instructions: bool) -> frozenset[Standing]:
    """Return the standings whose figures may be too low: what is held may be either."""
    of_legs = {Standing.OPEN, Standing.HELD} if more_legs else set()
    of_instructions = set(Standing) - {Standing.OPEN} if more_instructions else set()
    return frozenset(of_legs | of_instructions)


def _day(value_date: date, rows: list[dict[str, Any]], at_least: frozenset[Standing], today: date) -> Day:
    lines: dict[int, Line] = {}
    for row in rows:
        line = lines.setdefault(row["rank"], Line(row["asset_kind"], row["asset"], row["direction"], {}))
        line.figures[Standing(row["standing"])] = Figure(row["count"], row["quantity"])
    is_late = value_date < today and any(row["standing"] != Standing.SETTLED for row in rows)
    return Day(value_date, list(lines.values()), rows[0]["lines"] - len(lines), at_least, is_late)
