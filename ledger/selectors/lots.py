"""Lots and what became of them: as they are, as they were on a business date, or as they were known at a moment.

What became of lots is kept as it is known now, so that a business date is a sum of it. What was known at a moment is
played again, from the entries, corporate actions and policies that were known then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from core import sql
from core.as_of import KNOWN, NOW, AsOf
from core.http.problem import Problem
from core.money import ZERO
from ledger.actions import consequences
from ledger.lots import NO_TIME, Fill, Key, Lots, Method, Movement, Place, Rank, Step, Terms, play
from ledger.models import Basis
from ledger.selectors.actions import actions_of
from ledger.selectors.positions import Which

FILLS_MAX = 10_000  # of what is played again for one question
REFUSED = Place(NO_TIME.date(), Rank.TRADE, NO_TIME, 0, 0)  # where what is refused is kept among the lots
_DEFAULT = Terms()
_PRECISION, _QUANTUM = 80, Decimal("0.0000000001")
_NAMED = """
SELECT {columns} FROM {rows} p
JOIN refdata_book k ON k.id = p.book_id JOIN refdata_instrument i ON i.id = p.instrument_id {more}
"""
# Lots as they were by the end of a day.
_THEN = """(
    SELECT m.book_id, m.instrument_id, m.currency, m.lot_trade_id, m.lot_leg, max(m.lot_version) AS lot_version,
           max(m.lot_day) AS lot_day, max(m.lot_moment) AS lot_moment, sum(m.quantity) AS quantity, sum(m.cost) AS cost
    FROM ledger_lot_movement m WHERE m.day <= %(on)s
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(m.quantity) <> 0 OR sum(m.cost) <> 0
)"""


def list_lots(
    *,
    which: Which,
    as_of: AsOf = NOW,
    on: date | None = None,
    after: tuple[int, ...] | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return the open lots of positions, the oldest of each first; `lot_trade_id` 0: what was refused.

    after: the book, the instrument, the trade and the leg of the last one of the page before. on: by the end of that
    day. as_of: of one book and instrument alone; Problem 413 where more than FILLS_MAX are to be played again.
    """
    condition, parameters = _of(which)
    last = dict(zip("bitl", after or (0, 0, -1, 0), strict=True))
    if as_of.as_at is not None:
        played = _played_for(which, as_of, on)
        rows = [row for key, (lots, _) in played.items() for row in _lots(which, key, lots)]
        rows.sort(key=_place_of)
        return [row for row in rows if _place_of(row) > tuple(last.values())][:limit]
    columns = (
        "p.*, k.code AS book, i.code AS instrument, round(p.cost / nullif(p.quantity, 0), 10) AS unit_cost"
    )
    return sql.records(
        f"""
{_NAMED.format(columns=columns, rows="ledger_lot" if on is None else _THEN, more="")} WHERE {condition}
  AND (p.book_id, p.instrument_id, p.lot_trade_id, p.lot_leg) > (%(b)s, %(i)s, %(t)s, %(l)s)
ORDER BY p.book_id, p.instrument_id, p.lot_trade_id, p.lot_leg LIMIT %(limit)s
""",
        {**parameters, **last, "on": on, "limit": limit},
    )


def list_movements(
    *, which: Which, as_of: AsOf = NOW, on: date | None = None, after: int = 0, limit: int
) -> list[dict[str, Any]]:
    """Return what became of the lots of positions, by its id: an id may vanish when the past is told again.

    on, as_of: as in `list_lots`; what is played again is numbered in its order.
    """
    condition, parameters = _of(which)
    if as_of.as_at is not None:
        return _movements(which, _played_for(which, as_of, on), after, limit)
    columns = "p.*, k.code AS book, i.code AS instrument, a.reference AS action"
    more = "LEFT JOIN ledger_corporate_action a ON p.rank = 'A' AND a.id = p.source_id"
    return sql.records(
        f"""
{_NAMED.format(columns=columns, rows="ledger_lot_movement", more=more)}
WHERE {condition} AND p.id > %(after)s AND (%(on)s::date IS NULL OR p.day <= %(on)s::date)
ORDER BY p.id LIMIT %(limit)s
""",
        {**parameters, "on": on, "after": after, "limit": limit},
    )


def _of(which: Which) -> tuple[str, dict[str, Any]]:
    """Return the condition on a lot `p`, which is of no counterparty, and its parameters."""
    condition, parameters = which.sql()
    return condition.replace("p.counterparty_id", "NULL"), parameters


# --- played again

Played = tuple[Lots, list[Movement]]
_WHICH = "SELECT (SELECT id FROM refdata_book WHERE code = %s), (SELECT id FROM refdata_instrument WHERE code = %s)"
_FILLS = f"""
SELECT e.book_id, e.instrument_id, e.currency, e.effective_date, e.moment, e.trade_id, e.leg, e.version, e.quantity,
       e.amount, e.fees
FROM unnest(%(books)s::bigint[], %(instruments)s::bigint[]) AS t(book_id, instrument_id)
JOIN ledger_position_entry e USING (book_id, instrument_id)
WHERE e.basis = '{Basis.TRADED.value}' AND e.trade_id IS NOT NULL AND e.instrument_id <> 0 AND e.reverses IS NULL
  AND core_known(e.xid, e.recorded_at, {KNOWN}) AND (%(on)s::date IS NULL OR e.effective_date <= %(on)s::date)
  AND NOT EXISTS (
      SELECT FROM ledger_position_entry r WHERE r.reverses = e.id AND core_known(r.xid, r.recorded_at, {KNOWN}))
ORDER BY e.book_id, e.instrument_id, e.currency, e.effective_date, e.moment, e.trade_id, e.leg LIMIT %(most)s
"""


def play_again(
    *, positions: Sequence[tuple[int, int]], as_of: AsOf = NOW, on: date | None = None, most: int
) -> dict[Key, Played]:
    """Return the lots of positions (book, instrument) and what became of them, played from their beginning.

    Problem 413 where they are made of more than `most` fills.
    """
    books, instruments = ([each[at] for each in positions] for at in (0, 1))
    asked = {"books": books, "instruments": instruments, "on": on, "most": most + 1}
    found = sql.rows(_FILLS, {**asked, **as_of.parameters()})
    if len(found) > most:
        detail = f"More than {most:,} deals are in it: ask for a business date instead."
        raise Problem(
            413, "too-many-fills", "This position is too large to be told as of a moment.", detail=detail
        )
    steps: dict[Key, list[Step]] = defaultdict(list)
    for book, instrument, currency, day, moment, trade_id, leg, version, *numbers in found:
        place = Place(day, Rank.TRADE, moment, trade_id, leg)
        steps[Key(book, instrument, currency)].append(Fill(place, version, *numbers))
    actions = actions_of(instruments, as_of=as_of)
    for key, each in steps.items():
        acted = consequences(
            dealt={key.currency: ()}, actions=actions.get(key.instrument_id, ()), today=date.max
        )
        each += [step for step in acted.steps.get(key.currency, ()) if on is None or step.place.day <= on]
    terms = policies(book_ids=sorted(set(books)), as_of=as_of)
    played = {}
    for key, each in steps.items():
        lots = Lots(key.currency)
        played[key] = (lots, play(lots, sorted(each, key=lambda step: step.place), terms[key.book_id]))
    return played


def _played_for(which: Which, as_of: AsOf, on: date | None) -> dict[Key, Played]:
    """Return what is played again of one book and instrument; nothing where either is not said or not known."""
    found = sql.row(_WHICH, [which.book, which.instrument])
    if found is None or None in found or which.party is not None:
        return {}
    played = play_again(positions=[(found[0], found[1])], as_of=as_of, on=on, most=FILLS_MAX)
    return {key: each for key, each in played.items() if which.currency in (None, key.currency)}


def _place_of(row: Mapping[str, Any]) -> tuple[int, ...]:
    return row["book_id"], row["instrument_id"], row["lot_trade_id"], row["lot_leg"]


def _named(which: Which, key: Key) -> dict[str, Any]:
    return {**key._asdict(), "book": which.book, "instrument": which.instrument}


def _lots(which: Which, key: Key, lots: Lots) -> Iterator[dict[str, Any]]:
    """Yield lots as the rows that they would be, and what was refused."""
    for lot in lots.open:
        with localcontext(prec=_PRECISION):
            unit_cost = (lot.cost / lot.quantity).quantize(_QUANTUM, ROUND_HALF_UP)
        opened = _opened(lot.opened, lot.version)
        yield {
            **_named(which, key),
            **opened,
            "quantity": lot.quantity,
            "cost": lot.cost,
            "unit_cost": unit_cost,
        }
    if lots.refused:
        told = {"quantity": lots.refused, "cost": ZERO, "unit_cost": ZERO}
        yield {**_named(which, key), **_opened(None, 0), **told}


def _opened(place: Place | None, version: int) -> dict[str, Any]:
    at = place or REFUSED
    lot = {"lot_trade_id": at.source_id, "lot_leg": at.leg, "lot_version": version}
    return {**lot, "lot_day": at.day, "lot_moment": at.moment}


def _movements(which: Which, played: Mapping[Key, Played], after: int, limit: int) -> list[dict[str, Any]]:
    moved = [(key, each) for key, (_, movements) in played.items() for each in movements][
        after : after + limit
    ]
    ids = [each.place.source_id for _, each in moved if each.place.rank == Rank.ACTION]
    actions = dict(sql.rows("SELECT id, reference FROM ledger_corporate_action WHERE id = ANY(%s)", [ids]))
    return [
        {
            "id": number,
            **_named(which, key),
            **each.place._asdict(),
            **_opened(each.opened, each.lot_version),
            **{
                name: getattr(each, name) for name in ("version", "kind", "quantity", "cost", "value", "gain")
            },
            "action": actions.get(each.place.source_id) if each.place.rank == Rank.ACTION else None,
        }
        for number, (key, each) in enumerate(moved, start=after + 1)
    ]


# --- how books count


@dataclass(frozen=True)
class _Policy:
    """How a book counts: the first day of each of its terms, and these."""

    days: list[date]
    terms: list[Terms]

    def on(self, day: date) -> Terms:
        at = bisect_right(self.days, day)
        return self.terms[at - 1] if at else _DEFAULT


_POLICIES = """
WITH said AS (
    SELECT * FROM ledger_lot_policy
    WHERE book_id = ANY(%(books)s) AND (%(as_at)s::timestamptz IS NULL OR approved_at <= %(as_at)s)
)
SELECT book_id, valid_from, method, opens_short, with_fees FROM said p
WHERE NOT EXISTS (
    SELECT FROM said l WHERE l.book_id = p.book_id AND l.version > p.version AND l.valid_from <= p.valid_from)
ORDER BY book_id, valid_from
"""


def policies(*, book_ids: Sequence[int], as_of: AsOf = NOW) -> dict[int, Callable[[date], Terms]]:
    """Return how books count on a day: the latest version whose day has come, and FIFO with shorts before any."""
    found = {book_id: _Policy([], []) for book_id in book_ids}
    asked = {"books": list(book_ids), "as_at": as_of.as_at}
    for book_id, day, method, opens_short, with_fees in sql.rows(_POLICIES, asked):
        found[book_id].days.append(day)
        found[book_id].terms.append(Terms(Method(method), opens_short, with_fees))
    return {book_id: policy.on for book_id, policy in found.items()}
