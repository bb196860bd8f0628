"""Nightly: the journal compared with what is held; what differs is posted anew, and is work until it is explained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from core import sql
from core.audit import Actor, record
from ledger.journal_verification import WrongBalance, wrong_balances
from ledger.journal_work import JOURNAL, WRONG
from ledger.services.posting import lock_positions
from ledger.services.posting_journal import lock_journal, post_due
from trades.services.exceptions import NewException, open_exceptions
from trades.work_items import About

TASK = "ledger.verify_journal"
EXPLAINED_WITHIN = timedelta(days=1)  # by then all balances are compared again


def verify_journal(*, now: datetime, actor: Actor, correct: bool) -> list[WrongBalance]:
    """Compare all balances and return those that are wrong; `correct` posts their trades anew and tells the log and
    people. What waits to be posted is posted first; the entering of trades waits meanwhile."""
    with transaction.atomic():
        lock_positions()
        lock_journal()
        while post_due(now=now):
            pass
        found = wrong_balances()
        if found and correct:
            sql.run(_SOURCES, {"books": sorted({each.book_id for each in found})})
            while post_due(now=now):
                pass
            _tell(found, now, actor)
    return found


_SOURCES = """
INSERT INTO ledger_journal_due (source, source_id)
SELECT DISTINCT CASE WHEN trade_id IS NULL THEN 'A' ELSE 'T' END, coalesce(trade_id, action_id)
FROM ledger_position_entry WHERE book_id = ANY(%(books)s::bigint[])
UNION
SELECT DISTINCT 'P', run_id FROM ledger_profit_gain g JOIN ledger_profit_run r ON r.id = g.run_id
WHERE g.book_id = ANY(%(books)s::bigint[]) AND r.kind <> 'INTRADAY'
"""
_NAMES = """
SELECT k.code, coalesce(i.code || ' ', '') || w.currency
FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) WITH ORDINALITY AS w(book_id, instrument_id, currency, n)
JOIN refdata_book k ON k.id = w.book_id LEFT JOIN refdata_instrument i ON i.id = w.instrument_id ORDER BY w.n
"""


def _tell(found: Sequence[WrongBalance], now: datetime, actor: Actor) -> None:
    books = [each.book_id for each in found]
    names = sql.rows(
        _NAMES, [books, [each.instrument_id for each in found], [each.currency for each in found]]
    )
    record(
        type="journal.corrected",
        subject=JOURNAL,
        ids=books,
        actor=actor,
        at=now,
        each=[
            {"asset": asset, "what": each.what, "kept": each.kept, "told": each.told}
            for each, (_, asset) in zip(found, names, strict=True)
        ],
    )
    items = {
        (each.book_id, asset): NewException(
            trade_id=None,
            about=About(JOURNAL, each.book_id, asset),
            kind=WRONG,
            codes=[WRONG],
            summary=f"{book} in {asset}: {each.what} was {each.kept:,f} in the journal where positions and lots say"
            f" {each.told:,f}.",
            deadline=now + EXPLAINED_WITHIN,
            causes=[f"{WRONG} {book}"],
        )
        for each, (book, asset) in zip(found, names, strict=True)
    }
    open_exceptions(items=list(items.values()), at=now, actor=actor)
