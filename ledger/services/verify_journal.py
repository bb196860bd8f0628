"""Nightly: the journal compared with what is held; what differs is posted anew, and is work until it is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from core import sql
from core.audit import Actor, record
from ledger.journal_verification import WrongBalance, wrong_balances
from ledger.journal_work import JOURNAL, WRONG
from ledger.services.posting import lock_positions
from ledger.services.posting_journal import STEP, lock_journal, post_due
from trades.services.exceptions import NewException, open_exceptions
from trades.work_items import About

TASK = "ledger.verify_journal"
EXPLAINED_WITHIN = timedelta(days=1)  # by then all balances are compared again
_TRIES = 20  # to find a moment in which little waits


Progress = Callable[[int], None]


def verify_journal(
    *, now: datetime, actor: Actor, correct: bool, progress: Progress = lambda posted: None, step: int = STEP
) -> list[WrongBalance]:
    """Compare all balances and return those that are wrong; `correct` posts their trades anew and tells the log and
    people.

    What waits to be posted is posted first, `step` changes a transaction, and so is what is posted anew. All balances
    are compared while everything goes on; positions stand still only while the books that seem wrong are looked at
    once more, with at most `step` changes to post before. progress: called with how many changes were posted so far.
    """
    posting = _Posting(now, step, progress)
    posting.until_nothing_waits()
    books = _books(wrong_balances())
    found = _look_again(books, posting, now, actor, correct) if books else []
    if found and correct:
        posting.until_nothing_waits()
    return found


class _Posting:
    """Posts what waits, a step at a time, and counts."""

    def __init__(self, now: datetime, step: int, progress: Progress) -> None:
        self._now, self._step, self._progress = now, step, progress
        self._done = 0

    def one_step(self) -> int:
        """Post one step, in a transaction of its own unless there is one; return how many changes that were."""
        with transaction.atomic():
            lock_journal()
            posted = post_due(now=self._now, step=self._step)
        if posted:
            self._done += posted
            self._progress(self._done)
        return posted

    def until_nothing_waits(self) -> None:
        while self.one_step():
            pass

    def is_behind(self) -> bool:
        """Tell whether more waits than one step posts."""
        return len(sql.rows("SELECT FROM ledger_journal_due LIMIT %s", [self._step + 1])) > self._step


def _books(wrong: Sequence[WrongBalance]) -> list[int]:
    return sorted({each.book_id for each in wrong})


def _look_again(
    books: list[int], posting: _Posting, now: datetime, actor: Actor, correct: bool
) -> list[WrongBalance]:
    """Compare books once more while nothing moves, and make what is wrong of them due; in one short transaction."""
    for _ in range(_TRIES):
        posting.until_nothing_waits()
        with transaction.atomic():
            lock_positions()
            lock_journal()
            if posting.is_behind():  # much has come in the moment before: let it be posted outside
                continue
            posting.one_step()
            found = wrong_balances(books=books)
            if found and correct:
                sql.run(_SOURCES, {"books": _books(found)})
                _tell(found, now, actor)
            return found
    raise TimeoutError("More changes come than can be posted: the journal cannot be compared now.")


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
