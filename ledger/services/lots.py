"""The lots of positions, told again from wherever their past has changed, and kept as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from core import sql
from core.audit import Actor
from core.clock import business_date
from ledger.lots import NO_TIME, Fill, Key, Lot, Lots, Movement, Place, Rank, Step, play
from ledger.models import Basis
from ledger.selectors.actions import actions_of
from ledger.selectors.lots import REFUSED, policies
from ledger.services.effects import Held, tell_actions
from ledger.services.entries import STANDING
from ledger.services.shorts import follow_refusals


class Touched(NamedTuple):
    """A position, and the place from which its lots must be told again."""

    book_id: int
    instrument_id: int
    day: date
    moment: datetime
    source_id: int
    leg: int


def from_the_beginning(book_id: int, instrument_id: int) -> Touched:
    """Return a position that must be told again as a whole."""
    return Touched(book_id, instrument_id, NO_TIME.date(), NO_TIME, 0, 0)


_PLACES = """
unnest(%(books)s::bigint[], %(instruments)s::bigint[], %(days)s::date[], %(moments)s::timestamptz[],
       %(sources)s::bigint[], %(legs)s::int[]) AS t(book_id, instrument_id, day, moment, source_id, leg)
"""
_PAIRS = "unnest(%(books)s::bigint[], %(instruments)s::bigint[]) AS t(book_id, instrument_id)"
_LOT_COLUMNS = "lot_trade_id, lot_leg, lot_version, lot_day, lot_moment"
_KEPT = "book_id, instrument_id, currency, lot_trade_id, lot_leg"
# An open lot is the sum of its movements; `deltas` are some that came or went.
_ADD_UP = f"""
INSERT INTO ledger_lot AS l (book_id, instrument_id, currency, {_LOT_COLUMNS}, quantity, cost)
SELECT book_id, instrument_id, currency, lot_trade_id, lot_leg, max(lot_version), max(lot_day), max(lot_moment),
       sum(quantity), sum(cost)
FROM deltas GROUP BY {_KEPT} ORDER BY {_KEPT}
ON CONFLICT ({_KEPT}) DO UPDATE
    SET quantity = l.quantity + excluded.quantity, cost = l.cost + excluded.cost, lot_version = excluded.lot_version,
        lot_day = excluded.lot_day, lot_moment = excluded.lot_moment
"""
_TAKE_BACK = f"""
WITH gone AS (
    DELETE FROM ledger_lot_movement m USING {_PLACES}
    WHERE m.book_id = t.book_id AND m.instrument_id = t.instrument_id
      AND (m.day, m.rank, m.moment, m.source_id, m.leg) >= (t.day, '{Rank.TRADE.value}', t.moment, t.source_id, t.leg)
    RETURNING m.*
), deltas AS (
    SELECT book_id, instrument_id, currency, {_LOT_COLUMNS}, -quantity AS quantity, -cost AS cost FROM gone
), summed AS ({_ADD_UP})
SELECT DISTINCT source_id FROM gone WHERE kind = 'REFUSED' AND rank = '{Rank.TRADE.value}'
"""
_EMPTY = """
DELETE FROM ledger_lot l USING (SELECT DISTINCT book_id, instrument_id FROM {places}) t
WHERE l.book_id = t.book_id AND l.instrument_id = t.instrument_id AND l.quantity = 0 AND l.cost = 0
"""
_OPEN = f"""
SELECT l.book_id, l.instrument_id, l.currency, {_LOT_COLUMNS}, l.quantity, l.cost
FROM {_PLACES} JOIN ledger_lot l USING (book_id, instrument_id)
ORDER BY l.book_id, l.instrument_id, l.currency, l.lot_day, l.lot_moment, l.lot_trade_id, l.lot_leg
"""
_FILLS = f"""
SELECT e.book_id, e.instrument_id, e.currency, e.effective_date, e.moment, e.trade_id, e.leg, e.version, e.quantity,
       e.amount, e.fees
FROM {_PLACES} JOIN ledger_position_entry e USING (book_id, instrument_id)
WHERE e.basis = '{Basis.TRADED.value}' AND e.trade_id IS NOT NULL AND e.instrument_id <> 0 AND e.reverses IS NULL
  AND e.effective_date >= t.day
  AND (e.effective_date, e.moment, e.trade_id, e.leg) >= (t.day, t.moment, t.source_id, t.leg)
  AND {STANDING}
ORDER BY e.book_id, e.instrument_id, e.currency, e.effective_date, e.moment, e.trade_id, e.leg
"""
_TOLD = f"""
INSERT INTO ledger_lots_told AS l (book_id, instrument_id, day, xid)
SELECT DISTINCT book_id, instrument_id, day, pg_current_xact_id()::text::bigint FROM {_PLACES} ORDER BY 1, 2, 3
ON CONFLICT (book_id, instrument_id, day) DO UPDATE SET xid = excluded.xid
"""
_MOVED = (
    "book_id", "instrument_id", "currency", "day", "rank", "moment", "source_id", "leg", "version", "kind",
    *_LOT_COLUMNS.split(", "), "quantity", "cost", "value", "gain",
)  # fmt: skip


def retell_lots(*, touched: Sequence[Touched], now: datetime, actor: Actor) -> None:
    """Tell the lots of positions again, each from a place on, in the caller's transaction, which has locked them."""
    if not touched:
        return
    actions = actions_of(each.instrument_id for each in touched)
    touched = [
        from_the_beginning(each.book_id, each.instrument_id) if each.instrument_id in actions else each
        for each in touched
    ]
    held = [Held(each.book_id, each.instrument_id) for each in touched if each.instrument_id in actions]
    told = tell_actions(held=held, actions=actions, now=now, today=business_date(now))
    names = ("books", "instruments", "days", "moments", "sources", "legs")
    places = dict(zip(names, (list(each) for each in zip(*touched, strict=True)), strict=True))
    were_refused = {source_id for (source_id,) in sql.rows(_TAKE_BACK, places)}
    lots, steps = _open_lots(places), _fills(places)
    for each, found in told.items():
        for currency, changes in found.steps.items():
            steps[Key(each.book_id, each.instrument_id, currency)] += changes
    terms = policies(book_ids=sorted({each.book_id for each in touched}))
    moved = {
        key: play(lots.setdefault(key, Lots(key.currency)), sorted(each, key=_place), terms[key.book_id])
        for key, each in steps.items()
    }
    _store(moved)
    sql.run(_TOLD, places)
    sql.run(_EMPTY.format(places=_PLACES), places)
    follow_refusals(were=were_refused, moved=moved, now=now, actor=actor)


_FORGET = f"DELETE FROM ledger_lot l USING {_PAIRS} WHERE (l.book_id, l.instrument_id) = (t.book_id, t.instrument_id)"
_SUM_UP = f"""
WITH deltas AS (SELECT m.* FROM {_PAIRS} JOIN ledger_lot_movement m USING (book_id, instrument_id)) {_ADD_UP}
"""


def sum_up_lots(*, positions: Sequence[tuple[int, int]]) -> None:
    """Make the lots of positions (book, instrument) the sums of their movements again, whatever they were."""
    pairs = dict(
        zip(("books", "instruments"), (list(each) for each in zip(*positions, strict=True)), strict=True)
    )
    sql.run(_FORGET, pairs)
    sql.run(_SUM_UP, pairs)


def _place(step: Step) -> Place:
    return step.place


def _open_lots(places: Mapping[str, Any]) -> dict[Key, Lots]:
    found: dict[Key, Lots] = {}
    for book, instrument, currency, trade_id, leg, version, day, moment, quantity, cost in sql.rows(
        _OPEN, dict(places)
    ):
        key = Key(book, instrument, currency)
        lots = found.setdefault(key, Lots(currency))
        if trade_id:
            lots.open.append(Lot(Place(day, Rank.TRADE, moment, trade_id, leg), version, quantity, cost))
        else:
            lots.refused = quantity
    for lots in found.values():
        lots.open = [lot for lot in lots.open if lot.quantity]
    return found


def _fills(places: Mapping[str, Any]) -> dict[Key, list[Step]]:
    found: dict[Key, list[Step]] = defaultdict(list)
    for book, instrument, currency, day, moment, trade_id, leg, version, *numbers in sql.rows(
        _FILLS, dict(places)
    ):
        place = Place(day, Rank.TRADE, moment, trade_id, leg)
        found[Key(book, instrument, currency)].append(Fill(place, version, *numbers))
    return found


def _store(moved: Mapping[Key, Iterable[Movement]]) -> None:
    rows = [(*key, *_row(each)) for key, movements in moved.items() for each in movements]
    if not rows:
        return
    first = sql.row("SELECT coalesce(max(id), 0) FROM ledger_lot_movement")
    sql.copy_rows("ledger_lot_movement", _MOVED, rows)
    sql.run(
        f"WITH deltas AS (SELECT * FROM ledger_lot_movement WHERE id > %s) {_ADD_UP}",
        [first[0] if first else 0],
    )


def _row(moved: Movement) -> tuple[Any, ...]:
    opened = moved.opened or REFUSED
    return (
        *moved.place,
        moved.version,
        moved.kind,
        opened.source_id,
        opened.leg,
        moved.lot_version,
        opened.day,
        opened.moment,
        moved.quantity,
        moved.cost,
        moved.value,
        moved.gain,
    )
