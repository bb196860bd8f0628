"""Totals by day and month: always the sum of their lines, at any moment and between any two days."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from core import sql
from core.as_of import KNOWN, NOW, AsOf, known_at
from core.clock import utc_now
from ledger.models import AccountName, JournalEntry, Posting
from ledger.selectors.journal import trial_balance
from ledger.services.posting_journal import lock_journal
from ledger.services.verify_totals import verify_totals
from tests.ledger.journal_support import journal
from tests.ledger.support import ACTOR, amend, post
from tests.support.factories import captured_ids, equity, world
from tests.support.records import NOW as AT
from tests.support.records import TODAY

# Adds up all lines, entry by entry.
_SUMMED = f"""
SELECT j.currency, p.account,
       coalesce(sum(p.debit - p.credit) FILTER (WHERE j.posting_date < %(first)s::date), 0) AS opening,
       coalesce(sum(p.debit) FILTER (WHERE %(first)s::date IS NULL OR j.posting_date >= %(first)s::date), 0) AS debit,
       coalesce(sum(p.credit) FILTER (WHERE %(first)s::date IS NULL OR j.posting_date >= %(first)s::date), 0) AS credit,
       sum(p.debit - p.credit) AS closing
FROM ledger_journal j JOIN ledger_posting p ON p.entry_id = j.id
WHERE core_known(j.xid, j.recorded_at, {KNOWN}) AND (%(last)s::date IS NULL OR j.posting_date <= %(last)s::date)
GROUP BY 1, 2 ORDER BY 1, 2
"""


def summed(first: date | None, last: date | None, as_of: AsOf = NOW) -> list[tuple[Any, ...]]:
    return sql.rows(_SUMMED, {"first": first, "last": last, **as_of.parameters()})


def told(first: date | None, last: date | None, as_of: AsOf = NOW) -> list[tuple[Any, ...]]:
    names = ("currency", "account", "opening", "debit", "credit", "closing")
    rows = trial_balance(first=first, last=last, as_of=as_of)
    return sorted(tuple(row[name] for name in names) for row in rows)


def entered(entity_id: int, book_id: int, day: date, amount: int) -> None:
    """Enter an amount on a day, as a posting does."""
    with transaction.atomic():
        lock_journal()
        entry = JournalEntry.objects.create(
            source="T", source_id=day.toordinal(), version=1, rule="SETTLEMENT", rule_version=1, entity_id=entity_id,
            book_id=book_id, currency="EUR", effective_date=day, posting_date=day, turn=amount, recorded_at=utc_now(),
        )  # fmt: skip
        line = {"entry_id": entry.id, "instrument_id": 0, "leg": 0}
        Posting.objects.bulk_create(
            [Posting(**line, account="CASH", debit=amount, credit=0),
             Posting(**line, account="PAYABLE", debit=0, credit=amount)]
        )  # fmt: skip


DAYS = [
    date(2025, 12, 31),
    date(2026, 1, 1),
    date(2026, 1, 31),
    date(2026, 2, 1),
    date(2026, 2, 28),
    date(2026, 3, 15),
]
EDGES = [None, *DAYS, *(day + timedelta(days=1) for day in DAYS)]


@pytest.mark.django_db(transaction=True)
def test_a_balance_is_the_sum_of_its_lines_between_any_two_days_and_at_any_moment():
    made = world()
    for n, day in enumerate(DAYS):
        entered(made.ours.id, made.book.id, day, 2**n)
    moment = known_at(utc_now())
    for n, day in enumerate(DAYS):
        entered(made.ours.id, made.book.id, day, 100 * 3**n)
    for first in EDGES:
        for last in EDGES:
            assert told(first, last) == summed(first, last), (first, last)
            if first is None or first == last:
                assert told(first, last, moment) == summed(first, last, moment), (first, last)
    assert summed(None, None, moment) != summed(None, None)


@pytest.mark.django_db
class TestATotal:
    def test_is_found_and_put_right_where_it_is_not_the_sum_of_its_lines(self):
        world()
        captured_ids(equity())
        post()
        journal()
        assert verify_totals(now=AT, actor=ACTOR, correct=False) == []
        sql.run(
            "UPDATE ledger_account_total SET debit = debit + 1 WHERE account = 'INVENTORY' AND span = 'M'"
        )
        (wrong,) = verify_totals(now=AT, actor=ACTOR, correct=False)
        assert (wrong.account, wrong.span, wrong.kept - wrong.told) == ("INVENTORY", "M", 1)
        with pytest.raises(CommandError, match="1 totals differ"):
            call_command("verify_journal", stdout=StringIO())
        assert len(verify_totals(now=AT, actor=ACTOR, correct=True)) == 1
        assert verify_totals(now=AT, actor=ACTOR, correct=False) == []

    def test_follows_reversals_in_the_same_moment(self):
        world()
        (trade_id,) = captured_ids(equity())
        post()
        journal()
        amend(trade_id, quantity="50")
        post()
        journal()
        assert told(None, TODAY) == summed(None, TODAY)
        assert verify_totals(now=AT, actor=ACTOR, correct=False) == []

    def test_is_never_deleted(self):
        world()
        captured_ids(equity())
        post()
        journal()
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.run("DELETE FROM ledger_account_total")


@pytest.mark.django_db(transaction=True)
def test_a_balance_of_a_moment_has_the_names_its_accounts_had_then():
    made = world()
    entered(made.ours.id, made.book.id, TODAY, 5)
    called = {"entity_id": made.ours.id, "account": "CASH", "proposal_id": 1}
    AccountName.objects.create(**called, version=1, number="1000", name="Nostro", approved_at=utc_now())
    moment = known_at(utc_now())
    AccountName.objects.create(
        **called, version=2, number="1010", name="Cash at banks", approved_at=utc_now()
    )
    names = [
        {row["account"]: (row["number"], row["name"]) for row in trial_balance(as_of=as_of)}["CASH"]
        for as_of in (moment, NOW)
    ]
    assert names == [("1000", "Nostro"), ("1010", "Cash at banks")]
    assert {row["closing"] for row in trial_balance()} == {Decimal(5), Decimal(-5)}
