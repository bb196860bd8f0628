"""Nightly: every position told again from the trades; what differs is put right, and is work until it is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.money import ZERO
from ledger.lots import Key
from ledger.selectors.lots import FILLS_MAX, play_again
from ledger.services.lots import from_the_beginning, retell_lots, sum_up_lots
from ledger.services.posting import lock_positions, post_trades
from ledger.verification import Figure, Wrong, wrong_entries, wrong_lots, wrong_totals
from ledger.work_kinds import POSITION, WRONG
from trades.services.exceptions import NewException, open_exceptions
from trades.work_items import About

TASK = "ledger.verify_positions"
PLAYED = 100  # positions played again while entering waits
EXPLAINED_WITHIN = timedelta(days=1)  # by then all figures are told again


def verify_positions(
    *, now: datetime, actor: Actor, correct: bool, on_portion: Callable[[], None] = lambda: None
) -> list[Wrong]:
    """Tell every position again and return what is wrong; `correct` puts it right and tells the log and people.

    In portions, during each of which the entering of trades waits. What has changed since it last entered any is left
    to it, so this may run at any time.
    """
    found: list[Wrong] = []
    last: int | None = 0
    while last is not None:
        with transaction.atomic():
            xid, mark = lock_positions()
            wrong, last = wrong_entries(after=last, xid=xid, mark=mark)
            if correct and wrong:
                post_trades(trade_ids=sorted({each.trade_id or 0 for each in wrong}), now=now, actor=actor)
            found += wrong
        on_portion()
    with transaction.atomic():
        lock_positions()
        totals = wrong_totals()
        if correct:
            _put_right(totals)
        lots = wrong_lots()
        if correct:
            _tell_lots_again(lots, now, actor)
        found += [*totals, *lots]
    place: tuple[int, int] | None = (0, 0)
    while place is not None:
        with transaction.atomic():
            lock_positions()
            played, place = _wrong_when_played(place)
            if correct:
                _tell_lots_again(played, now, actor)
            found += played
        on_portion()
    if correct and found:
        with transaction.atomic():
            _tell(found, now, actor)
    return found


_PUT = """
INSERT INTO ledger_position (book_id, instrument_id, currency, counterparty_id, traded, settled)
SELECT book_id, instrument_id, currency, counterparty_id,
       coalesce(sum(quantity) FILTER (WHERE basis = 'TRADED'), 0),
       coalesce(sum(quantity) FILTER (WHERE basis = 'SETTLED'), 0)
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[])
     AS w(book_id, instrument_id, currency, counterparty_id)
LEFT JOIN ledger_position_entry e USING (book_id, instrument_id, currency, counterparty_id)
GROUP BY 1, 2, 3, 4
ON CONFLICT (book_id, instrument_id, currency, counterparty_id)
    DO UPDATE SET traded = excluded.traded, settled = excluded.settled
"""


def _put_right(totals: Sequence[Wrong]) -> None:
    figures = sorted({each.figure for each in totals})
    if figures:
        sql.run(_PUT, [list(column) for column in zip(*figures, strict=True)])


def _tell_lots_again(lots: Sequence[Wrong], now: datetime, actor: Actor) -> None:
    positions = sorted({(each.figure.book_id, each.figure.instrument_id) for each in lots})
    if positions:
        sum_up_lots(positions=positions)
        retell_lots(touched=[from_the_beginning(*each) for each in positions], now=now, actor=actor)


# Of a position with very many movements only the sums are compared. What waits to be told again is not looked at.
_NEXT = """
SELECT m.book_id, m.instrument_id FROM ledger_lot_movement m
WHERE (m.book_id, m.instrument_id) > (%(book)s, %(instrument)s)
  AND NOT EXISTS (SELECT FROM ledger_position_due d
                  WHERE d.book_id = m.book_id AND d.instrument_id = m.instrument_id)
GROUP BY 1, 2 HAVING count(*) <= %(most)s ORDER BY 1, 2 LIMIT %(portion)s
"""
_LOTS = """
SELECT book_id, instrument_id, currency, lot_trade_id, lot_leg, quantity, cost
FROM unnest(%s::bigint[], %s::bigint[]) AS t(book_id, instrument_id) JOIN ledger_lot USING (book_id, instrument_id)
"""
Opened = tuple[Key, int, int]  # by which leg of which trade; 0: what was refused


def _wrong_when_played(after: tuple[int, int]) -> tuple[list[Wrong], tuple[int, int] | None]:
    """Return which lots of the next positions are other than when these are played from their beginning, and the last
    position looked at (None: no more)."""
    asked = {"book": after[0], "instrument": after[1], "most": FILLS_MAX, "portion": PLAYED}
    positions = sql.rows(_NEXT, asked)
    if not positions:
        return [], None
    rows = sql.rows(_LOTS, [list(each) for each in zip(*positions, strict=True)])
    kept: dict[Opened, tuple[Decimal, Decimal]] = {
        (Key(book, instrument, currency), trade_id, leg): (quantity, cost)
        for book, instrument, currency, trade_id, leg, quantity, cost in rows
    }
    told: dict[Opened, tuple[Decimal, Decimal]] = {}
    for key, (lots, _) in play_again(positions=positions, most=PLAYED * FILLS_MAX).items():
        told |= {(key, lot.opened.source_id, lot.opened.leg): (lot.quantity, lot.cost) for lot in lots.open}
        if lots.refused:
            told[key, 0, 0] = lots.refused, ZERO
    nothing = (ZERO, ZERO)
    wrong = [
        Wrong(Figure(*opened[0], 0), f"{what} of a lot", was, is_, opened[1] or None)
        for opened in sorted({*kept, *told})
        for what, was, is_ in zip(
            ("quantity", "cost"), kept.get(opened, nothing), told.get(opened, nothing), strict=True
        )
        if was != is_
    ]
    return wrong, positions[-1]


_NAMES = """
SELECT w.n, k.code, coalesce(i.code || ' ', '') || w.currency
FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) WITH ORDINALITY AS w(book_id, instrument_id, currency, n)
JOIN refdata_book k ON k.id = w.book_id LEFT JOIN refdata_instrument i ON i.id = w.instrument_id ORDER BY w.n
"""


def _tell(found: Sequence[Wrong], now: datetime, actor: Actor) -> None:
    figures = [each.figure for each in found]
    names = sql.rows(_NAMES, [list(column) for column in zip(*(each[:3] for each in figures), strict=True)])
    told = [(each, book, asset) for each, (_, book, asset) in zip(found, names, strict=True)]
    record(
        type="position.corrected",
        subject=POSITION,
        ids=[each.figure.book_id for each in found],
        actor=actor,
        at=now,
        each=[
            {
                "asset": asset,
                "what": each.what,
                "kept": each.kept,
                "told": each.told,
                "trade_id": each.trade_id,
            }
            for each, _, asset in told
        ],
    )
    items = {
        (each.figure.book_id, asset): NewException(
            trade_id=None,
            about=About(POSITION, each.figure.book_id, asset),
            kind=WRONG,
            codes=[WRONG],
            summary=f"{book} in {asset}: {each.what} was {each.kept:,f} where the trades say {each.told:,f}.",
            deadline=now + EXPLAINED_WITHIN,
            causes=[f"{WRONG} {book}"],
        )
        for each, book, asset in told
    }
    open_exceptions(items=list(items.values()), at=now, actor=actor)
