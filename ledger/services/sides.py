"""The two sides of a run: theirs from the statements that count, ours by one query, and what both are worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from core import sql
from core.as_of import NOW, AsOf
from core.http.problem import Problem
from core.money import format_number, round_money
from ledger.kinds.base import Kind
from ledger.selectors.statements import lines_of, statements_in_force
from ledger.services.comparison import Record

LINES_MAX = 1_000_000  # of one side, in one run
PRICE_MAX_AGE = timedelta(days=10)


@dataclass(frozen=True)
class Sides:
    """What a run compares: the first day it looks at, the statements that count, and the records of both sides."""

    start: date
    statement_ids: list[int]
    ours: list[Record]
    theirs: list[Record]


def read_sides(
    *, kind: Kind, source: str, start: date, until: date, basis: str = "", as_of: AsOf = NOW
) -> Sides:
    """Return both sides of the days between two. Ours is of days of which a statement has come.

    basis: since when ours counts, of a kind that has the choice; empty: the kind's first. as_of: ours as it was known
    then, of a kind that can tell.

    Problem 409 without a statement of the last day, 413 for more than LINES_MAX on a side.
    """
    statements = statements_in_force(
        kind=kind.code, source=source, start=until if kind.snapshot else start, until=until
    )
    days = {each["id"]: each["business_date"] for each in statements}
    if until not in days.values():
        raise Problem(409, "no-statement", f"No statement of {until} has come.")
    if sum(each["line_count"] for each in statements) > LINES_MAX:
        raise _too_many("Theirs")
    lines = lines_of(sorted(days))
    theirs = [Record(key, days[of], fields, line_id) for line_id, key, of, fields in lines]
    accounts = None
    if kind.account:
        told = {balance["account"] for each in statements for balance in each["balances"]}
        accounts = sorted(told | {each.fields[kind.account] for each in theirs})
    ours = read_ours(
        kind, source, min(days.values()), until, accounts, frozenset(days.values()), basis=basis, as_of=as_of
    )
    return Sides(min(days.values()), sorted(days), ours, theirs)


def read_ours(
    kind: Kind,
    source: str,
    start: date,
    until: date,
    accounts: list[str] | None,
    days: frozenset[date] | None,
    *,
    basis: str = "",
    as_of: AsOf = NOW,
) -> list[Record]:
    """Return our side of the days between two, of `days` only where some are given, in the order of our ids.

    basis, as_of: as in `read_sides`. Problem 413 for more than LINES_MAX.
    """
    columns = ", ".join(kind.names)
    statement = f"SELECT id, day, {columns} FROM ({kind.ours()}) AS ours ORDER BY id LIMIT {LINES_MAX + 1}"
    asked = {"source": source, "start": start, "until": until, "accounts": accounts}
    counted = {"basis": basis or next(iter(kind.bases), None), **as_of.parameters()}
    found = sql.rows(statement, {**asked, **counted})
    if len(found) > LINES_MAX:
        raise _too_many("Ours")
    instructions = [each.name for each in kind.fields if each.type == "instruction"]
    records = []
    for number, day, *values in found:
        if days is not None and day not in days:
            continue
        fields = {
            name: _text(value) for name, value in zip(kind.names, values, strict=True) if value is not None
        }
        for name in instructions:
            fields[name] = kind.reference(fields[name])
        records.append(Record(kind.reference(number), day, fields))
    return records


def _text(value: Any) -> str:
    """Return a value in the one spelling that lines are kept in."""
    if isinstance(value, Decimal):
        return str(format_number(value or Decimal(0)))
    return value.isoformat() if isinstance(value, date) else str(value)


def _too_many(side: str) -> Problem:
    return Problem(
        413, "too-many-lines", f"{side} are more than {LINES_MAX:,} lines: make the window shorter."
    )


# --- what it is worth

_RATES = """
SELECT DISTINCT ON (currency) currency, rate FROM refdata_fx_rate
WHERE currency = ANY(%s) AND date BETWEEN %s AND %s ORDER BY currency, date DESC
"""
_PRICES = """
SELECT DISTINCT ON (i.code) i.code, p.price * coalesce(i.multiplier, 1)
       * CASE i.price_basis WHEN 'PERCENT' THEN 0.01 ELSE 1 END, p.currency
FROM refdata_instrument i JOIN refdata_close_price p ON p.instrument_id = i.id
WHERE i.code = ANY(%s) AND p.date BETWEEN %s AND %s ORDER BY i.code, p.date DESC
"""


@dataclass(frozen=True)
class Values:
    """What a unit of each currency and instrument was worth in base currency, as far as it is known."""

    by_unit: Mapping[str, Decimal]

    def base(self, amount: Decimal | None, unit: str) -> Decimal | None:
        """Return an amount in base currency; None where the unit has no value, or there is no amount."""
        value = self.by_unit.get(unit)
        return (
            None
            if amount is None or value is None
            else round_money(abs(amount) * value, settings.BASE_CURRENCY)
        )


def values_of(units: Iterable[str], *, on: date) -> Values:
    """Return the values of currencies and instruments on a day: their latest rates and close prices by then."""
    names = sorted(set(units) - {""})
    prices = sql.rows(_PRICES, [names, on - PRICE_MAX_AGE, on])
    asked: Sequence[str] = sorted({*names, *(currency for *_, currency in prices)})
    rates = dict(sql.rows(_RATES, [list(asked), on - PRICE_MAX_AGE, on]))
    rates[settings.BASE_CURRENCY] = Decimal(1)
    by_unit = {code: price * rates[currency] for code, price, currency in prices if currency in rates}
    return Values({**by_unit, **rates})
