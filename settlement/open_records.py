"""Unfinished records and whose move each is, read by the one table (settlement/moves/table.py). Nothing here writes.

No question counts or walks more than it shows: every population is found by an index of what is open, and counts stop
at MOST of each row of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from django.conf import settings

from core import sql
from core.clock import business_date
from core.ids import EXCEPTION, INSTRUCTION, PROPOSAL, TRADE, public_id
from settlement.chases import CHASED, DUE, chases_of
from settlement.cut_offs import CutOffs, cut_offs_around
from settlement.moves.base import Mover, Population, Rule
from settlement.moves.table import RULES
from trades.work_items import kinds

MOST = 10_000  # records of one row of the table that are counted and summed
TIMEOUT_MS = 3_000
_DAY = timedelta(days=1)
# Ages by their names, from and to below which: of a moment that lies so far back.
AGES: dict[str, tuple[timedelta, timedelta | None]] = {
    "under-1h": (timedelta(), timedelta(hours=1)),
    "1h-1d": (timedelta(hours=1), _DAY),
    "1d-3d": (_DAY, 3 * _DAY),
    "3d-7d": (3 * _DAY, 7 * _DAY),
    "over-7d": (7 * _DAY, None),
}
_PREFIX = {"TRADE": TRADE, "INSTRUCTION": INSTRUCTION, "EXCEPTION": EXCEPTION, "PROPOSAL": PROPOSAL}
LEG_BITS = 20  # of a key that tells one leg of one trade
_AT_ONCE = 8  # rows of the table that one statement of a list asks


@dataclass(frozen=True)
class Wanted:
    """Which open records are asked for; empty: all. party and book are codes, age a name of AGES. due: only what is
    to be chased by today."""

    mover: Mover | None = None
    rule: str = ""
    age: str = ""
    channel: str = ""
    party: str = ""
    book: str = ""
    value_date: date | None = None
    asset: str = ""
    due: bool = False


@dataclass(frozen=True)
class Group:
    """What a row of the table has: how many records, of which ages, and what money; `capped`: at least so much."""

    rule: Rule
    population: Population
    count: int
    capped: bool
    ages: Mapping[str, int]
    money: Mapping[str, Decimal] = field(default_factory=dict)


def list_open(
    *, wanted: Wanted, now: datetime, after: tuple[int, ...] | None = None, limit: int
) -> list[dict[str, Any]]:
    """Return open records in the order of the table and, within a row of it, of their ids, after a (row, id).

    Each has `at`, its key of two numbers for the next page, and: record, reference, rule, title, mover, next, since,
    evidence, who, trade_id, channel, party, party_name, value_date, asset, quantity, is_money; `can_chase`, and how it
    was chased: chases, chased_at, chase_next. sql.TookTooLong when a filter looks through more than TIMEOUT_MS allows.
    """
    parameters, conditions = _asked(wanted, now)
    if parameters is None:
        return []
    first, last_key = after or (0, None)
    chosen = [each for each in _chosen(wanted) if each[0] >= first]
    found: list[dict[str, Any]] = []
    for at in range(0, len(chosen), _AT_ONCE):
        parts = [
            f"SELECT {number} AS number, r.* FROM ({_select(population, rule, [*conditions, *later])}"
            f" ORDER BY {population.order} LIMIT %(limit)s) AS r"
            for number, population, rule in chosen[at : at + _AT_ONCE]
            for later in [[f"{population.key} > %(after)s"] if after and number == first else []]
        ]
        asked = {**parameters, "after": last_key, "limit": limit - len(found)}
        with _bounded(conditions):
            rows = sql.records(f"{' UNION ALL '.join(parts)} ORDER BY number, key LIMIT %(limit)s", asked)
        found += _told(rows)
        if len(found) >= limit:
            break
    return _with_chases(found)


def _with_chases(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = chases_of([row["key"] for row in rows if row["record"] == "INSTRUCTION"])
    none = {"chases": 0, "chased_at": None, "chase_next": None}
    return [
        {
            **row,
            **(known.get(row["key"], none) if row["record"] == "INSTRUCTION" else none),
            "can_chase": row["record"] == "INSTRUCTION" and row["mover"] in CHASED,
        }
        for row in rows
    ]


def _bounded(conditions: Sequence[str]) -> AbstractContextManager[None]:
    """Let a filter, which no index serves, look through what is open for TIMEOUT_MS at most."""
    return sql.within(TIMEOUT_MS) if conditions else nullcontext()


def _chosen(wanted: Wanted) -> list[tuple[int, Population, Rule]]:
    """Return the rows of the table that a filter leaves, each with its number."""
    return [
        (number, population, rule)
        for number, (population, rule) in enumerate(RULES.values())
        if (wanted.mover is None or rule.mover is wanted.mover)
        and (not wanted.rule or rule.code == wanted.rule)
        and not (wanted.channel and population.channel.startswith("NULL"))
        and not (wanted.value_date and population.value_date.startswith("NULL"))
        and not (wanted.due and (population.record != "INSTRUCTION" or rule.mover not in CHASED))
    ]


def count_open(*, wanted: Wanted, now: datetime) -> list[Group]:
    """Return every wanted row of the table that has records, with counts and money up to MOST records each.

    sql.TookTooLong as in `list_open`.
    """
    parameters, conditions = _asked(wanted, now)
    chosen = _chosen(wanted)
    if parameters is None or not chosen:
        return []
    parts = [
        f"SELECT {number} AS number, asset, bucket, count(*), sum(quantity) FROM (SELECT"
        f" CASE WHEN is_money THEN asset END AS asset, CASE WHEN is_money THEN quantity END AS quantity,"
        f" width_bucket(extract(epoch FROM %(now)s::timestamptz - coalesce(since, %(now)s))::float8,"
        f" %(steps)s::float8[]) AS bucket"
        f" FROM ({_select(population, rule, conditions, brief=True)} LIMIT {MOST + 1}) AS r) AS r"
        f" GROUP BY asset, bucket"
        for number, population, rule in chosen
    ]
    steps = [low.total_seconds() for low, _ in list(AGES.values())[1:]]
    parameters["steps"] = sql.array_literal(map(str, steps))
    with _bounded(conditions):
        rows = sql.rows(" UNION ALL ".join(parts), parameters)
    return _groups(rows, chosen)


def _groups(rows: Sequence[tuple[Any, ...]], chosen: Iterable[tuple[int, Population, Rule]]) -> list[Group]:
    by_number: dict[int, list[tuple[Any, ...]]] = {}
    for number, *row in rows:
        by_number.setdefault(number, []).append(tuple(row))
    found = []
    for number, population, rule in chosen:
        ages = dict.fromkeys(AGES, 0)
        money: dict[str, Decimal] = {}
        for asset, bucket, count, amount in by_number.get(number, ()):
            ages[list(AGES)[bucket]] += count
            if asset is not None:
                money[asset] = money.get(asset, Decimal(0)) + (amount or 0)
        total = sum(ages.values())
        if total:
            capped = total > MOST
            found.append(Group(rule, population, min(total, MOST), capped, ages, dict(sorted(money.items()))))
    return found


def moves_of_trade(trade_id: int, *, now: datetime, cut_offs: CutOffs | None = None) -> list[dict[str, Any]]:
    """Return whose move a trade, its waiting legs, its instructions and its open work items are: nothing once it is
    finished. A recalled instruction is answered for by the one that cancels it. cut_offs: where they have been read."""
    return _of_keys(_keys_of_trade(trade_id), now, cut_offs)


def moves_of_instructions(instruction_ids: Sequence[int], *, now: datetime) -> dict[int, dict[str, Any]]:
    """Return whose move instructions are, by id; those that are finished are left out."""
    rows = _of_keys({"INSTRUCTION": list(instruction_ids)}, now)
    return {row["key"]: row for row in rows}


# What of a trade may be open: its instructions with what cancels them, its work items and what is proposed of it.
_OF_TRADE = """
(SELECT 'INSTRUCTION', o.instruction_id FROM settlement_obligation o
 WHERE o.trade_id = %(trade)s AND o.instruction_id IS NOT NULL
 UNION
 SELECT 'INSTRUCTION', r.cancellation_id FROM settlement_obligation o
 JOIN settlement_recall r ON r.instruction_id = o.instruction_id
 WHERE o.trade_id = %(trade)s AND r.cancellation_id IS NOT NULL LIMIT 500)
UNION ALL
(SELECT 'EXCEPTION', id FROM trades_exception WHERE trade_id = %(trade)s AND closed_at IS NULL LIMIT 100)
UNION ALL
SELECT 'PROPOSAL', id FROM core_proposal WHERE subject = 'trade' AND subject_id = %(trade)s AND state = 'PENDING'
"""


def _keys_of_trade(trade_id: int) -> dict[str, list[int]]:
    """Return the keys of everything of a trade that may be open, by the kind of record; of its legs, its own."""
    keys: dict[str, list[int]] = {"TRADE": [trade_id], "LEG": [trade_id]}
    for record, key in sql.rows(_OF_TRADE, {"trade": trade_id}):
        keys.setdefault(record, []).append(key)
    return keys


def _of_keys(
    keys: Mapping[str, list[int]], now: datetime, cut_offs: CutOffs | None = None
) -> list[dict[str, Any]]:
    parameters, _ = _asked(Wanted(), now, cut_offs)
    asked = dict(parameters or {})
    parts = []
    for number, (population, rule) in enumerate(RULES.values()):
        wanted = keys.get(population.record)
        if not wanted:
            continue
        asked[f"keys_{population.record}"] = wanted
        looked_up = population.trade if population.record == "LEG" else population.key
        only = [f"{looked_up} = ANY(%(keys_{population.record})s::bigint[])"]
        parts.append(f"SELECT {number} AS number, r.* FROM ({_select(population, rule, only)}) AS r")
    if not parts:
        return []
    return _told(sql.records(f"{' UNION ALL '.join(parts)} ORDER BY number, key", asked))


def _asked(
    wanted: Wanted, now: datetime, cut_offs: CutOffs | None = None
) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the parameters of the populations, None where nothing can be found, and the conditions of a filter."""
    cut_offs = cut_offs or cut_offs_around(now.date())
    past = min((cut_offs.past(place, now=now) for place in cut_offs.places()), default=date.min)
    parameters: dict[str, Any] = {
        "now": now,
        "today": business_date(now),
        "past": past,
        "base": settings.BASE_CURRENCY,
        "blocking": sorted(code for code, kind in kinds().items() if kind.severity == "BLOCK"),
    }
    conditions = []
    for name, table in (("party", "refdata_party"), ("book", "refdata_book")):
        code = getattr(wanted, name)
        if code:
            found = sql.row(f"SELECT id FROM {table} WHERE code = %s", [code])
            if found is None:
                return None, []
            parameters[name] = found[0]
            conditions.append("{party} = %(party)s" if name == "party" else "({holds_book})")
    for name in ("channel", "value_date", "asset"):
        if value := getattr(wanted, name):
            parameters[name] = value
            conditions.append(f"{{{name}}} = %({name})s")
    if wanted.due:
        conditions.append(DUE)
    if wanted.age:
        low, high = AGES[wanted.age]
        parameters |= {"young": now - low, "old": now - high if high else None}
        conditions.append("{since} <= %(young)s")
        if high:
            conditions.append("{since} > %(old)s")
    return parameters, conditions


@cache
def _where(population: Population, rule: Rule) -> str:
    """Return the condition of a row of the table: its own, and that no earlier one of its population holds."""
    earlier = population.rules[: population.rules.index(rule)]
    return " AND ".join(
        [
            f"({population.where})",
            *(f"({each.when}) IS NOT TRUE" for each in earlier),
            *([f"({rule.when})"] if rule.when != "true" else []),
        ]
    )


def _select(population: Population, rule: Rule, conditions: Iterable[str], *, brief: bool = False) -> str:
    """Return the SELECT of a row's records. brief: only what is counted and summed."""
    names = {
        "key": population.key,
        "party": population.party,
        "holds_book": population.holds_book,
        "channel": population.channel,
        "value_date": population.value_date,
        "asset": population.asset,
        "since": f"({rule.since})",
    }
    filters = "".join(f" AND {each.format(**names)}" for each in conditions)
    columns = f"({rule.since}) AS since, {population.asset} AS asset, {population.quantity} AS quantity,"
    columns += f" {population.money} AS is_money"
    parties = ""
    if not brief:
        columns += f""", {population.key} AS key, {population.trade} AS trade_id, {population.channel} AS channel,
            p.code AS party, p.name AS party_name, {population.value_date} AS value_date,
            ({rule.evidence}) AS evidence, coalesce(({rule.who}), '') AS who"""
        parties = f" LEFT JOIN refdata_party p ON p.id = {population.party}"
    return f"SELECT {columns} FROM {population.source}{parties} WHERE {_where(population, rule)}{filters}"


def _told(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    table = list(RULES.values())
    told = []
    for row in rows:
        population, rule = table[row["number"]]
        told.append(
            {
                **row,
                "at": (row["number"], row["key"]),
                "record": population.record,
                "reference": _reference(population.record, row["key"]),
                "rule": rule.code,
                "title": rule.title,
                "mover": rule.mover,
                "next": rule.next,
            }
        )
    return told


def _reference(record: str, key: int) -> str:
    if record == "LEG":
        return leg_reference(key)
    return public_id(_PREFIX[record], key)


def leg_reference(key: int) -> str:
    """Return what a leg is called, by its key of trade and leg: `trd_4S7H/2`."""
    return f"{public_id(TRADE, key >> LEG_BITS)}/{key % (1 << LEG_BITS)}"
