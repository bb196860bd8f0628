"""Nightly: every position told again from the trades; what differs is put right, and is work until it is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from core import sql
from core.audit import Actor, record
from ledger.services.lots import Touched, from_the_beginning, retell_lots
from ledger.services.posting import lock_positions, post_trades
from ledger.verification import Wrong, wrong_entries, wrong_lots, wrong_totals
from ledger.work_kinds import POSITION, WRONG
from trades.services.exceptions import NewException, open_exceptions
from trades.work_items import About

TASK = "ledger.verify_positions"
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
        if correct and lots:
            retell_lots(touched=_whole(lots), now=now, actor=actor)
        found += [*totals, *lots]
        if correct and found:
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


def _whole(lots: Sequence[Wrong]) -> list[Touched]:
    positions = sorted({(each.figure.book_id, each.figure.instrument_id) for each in lots})
    return [from_the_beginning(*position) for position in positions]


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
