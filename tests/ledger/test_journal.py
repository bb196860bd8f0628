"""The journal: it follows positions and lots, balances, and no order of things leaves other books."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.as_of import NOW as PRESENT
from core.http.problem import Problem
from ledger.accounts import CHART, Accounts
from ledger.journal_work import WRONG
from ledger.models import CorporateAction, JournalDue, JournalEntry, Lot, LotMovement, PeriodClosing, Posting
from ledger.services.posting_journal import post_due
from ledger.services.verify_journal import verify_journal
from ledger.tasks import post_journal, verify_balances
from tests.ledger.journal_support import balances, entries, journal, standing
from tests.ledger.support import ACTOR, amend, cancel, post, replayed
from tests.ledger.test_actions import act, terms
from tests.ledger.test_positions import _Desk, policy
from tests.support.factories import BUND, bond, bund, captured_ids, equity, other_connection, world
from tests.support.records import NOW, TODAY
from trades.models import ExceptionItem
from trades.work_items import About, kind_of

pytestmark = pytest.mark.django_db


def posted(*documents: dict) -> list[int]:
    ids = captured_ids(*documents)
    post()
    journal()
    return ids


def dealt() -> None:
    """Have one more deal in the positions, which is still to be posted."""
    with transaction.atomic():
        captured_ids(equity())
        post()


def closed(through: date, *, entity_id: int, proposal_id: int = 1) -> None:
    PeriodClosing(entity_id=entity_id, closed_through=through, proposal_id=proposal_id, approved_at=NOW).save(
        force_insert=True
    )


class TestAChange:
    def test_of_terms_reverses_what_stood_and_posts_what_holds(self):
        world()
        (trade_id,) = posted(equity())
        amend(trade_id, quantity="50")
        post()
        journal()
        assert entries() == [
            ("TRADE_DATE", 1, None, TODAY, TODAY),
            ("TRADE_DATE", 1, 0, TODAY, TODAY),
            ("TRADE_DATE", 2, None, TODAY, TODAY),
        ]
        assert balances() == {("INVENTORY", "USD"): Decimal("9362.5"), ("PAYABLE", "USD"): Decimal("-9362.5")}

    def test_that_moves_no_figure_posts_nothing(self):
        world()
        (trade_id,) = posted(equity())
        amend(trade_id, trader="other")
        post()
        journal()
        assert len(entries()) == 1

    def test_that_calls_a_deal_off_reverses_it(self):
        world()
        (trade_id,) = posted(equity())
        cancel(trade_id)
        post()
        journal()
        assert (balances(), [row[2] for row in entries()]) == ({}, [None, 0])

    def test_that_is_taken_back_posts_again_under_the_same_key(self):
        world()
        (trade_id,) = posted(equity())
        for quantity in ("50", "100"):
            amend(trade_id, quantity=quantity)
            post()
            journal()
        turns = JournalEntry.objects.filter(reverses=None).order_by("id").values_list("turn", flat=True)
        assert list(turns) == [1, 2, 3]
        assert balances()["INVENTORY", "USD"] == 18725

    def test_of_a_book_closed_by_then_is_posted_to_the_first_open_day_with_its_own_date(self):
        ours = world().ours
        (trade_id,) = posted(equity())
        closed(TODAY, entity_id=ours.id)
        amend(trade_id, quantity="50")
        post()
        journal()
        next_day = TODAY + timedelta(days=1)
        assert entries()[1:] == [
            ("TRADE_DATE", 1, 0, TODAY, next_day),
            ("TRADE_DATE", 2, None, TODAY, next_day),
        ]


class TestTheWorker:
    def test_posts_each_change_once_however_often_it_is_woken(self):
        world()
        posted(equity())
        before = standing()
        assert post_journal() == 0
        JournalDue.objects.create(source="T", source_id=sql.row("SELECT trade_id FROM trades_state")[0])
        assert (post_journal(), standing(), len(entries())) == (1, before, 1)

    @pytest.mark.django_db(transaction=True)
    def test_leaves_the_work_to_whoever_is_at_it(self):
        world()
        posted(equity())
        dealt()
        with other_connection() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM ledger_journal_mark FOR UPDATE")
            assert post_due(now=NOW) == 0
            cursor.execute("ROLLBACK")
        assert post_due(now=NOW) > 0
        assert balances()["INVENTORY", "USD"] == 2 * 18725

    @pytest.mark.django_db(transaction=True)
    def test_waits_for_a_closing_and_posts_beyond_it(self):
        ours = world().ours
        posted(equity())
        dealt()
        with other_connection() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO ledger_period_closing (entity_id, closed_through, proposal_id, approved_at)"
                " VALUES (%s, %s, 1, now())",
                [ours.id, TODAY],
            )
            assert post_due(now=NOW) == 0
            cursor.execute("COMMIT")
        assert post_due(now=NOW) > 0
        assert entries()[1:] == [("TRADE_DATE", 1, None, TODAY, TODAY + timedelta(days=1))]


class TestTheDatabase:
    @pytest.mark.parametrize(
        ("changes", "refused"),
        [
            ({}, "does not balance"),
            ({"account": "NOSTRO"}, "ledger_posting_account"),
            ({"debit": 0}, "ledger_posting_side"),
        ],
    )
    def test_refuses_lines_that_do_not_balance_or_are_on_no_account(self, changes, refused):
        world()
        posted(equity())
        line = {
            "entry_id": 1,
            "account": "CASH",
            "instrument_id": 0,
            "leg": 0,
            "debit": 1,
            "credit": 0,
            **changes,
        }
        with pytest.raises(DatabaseError, match=refused), transaction.atomic():
            Posting.objects.create(**line)

    def test_refuses_lines_added_to_an_entry_of_before(self):
        world()
        posted(equity())
        line = {"entry_id": 0, "account": "CASH", "instrument_id": 0, "leg": 0}
        both = [Posting(**line, debit=1, credit=0), Posting(**line, debit=0, credit=1)]
        with pytest.raises(DatabaseError, match="no line is added"), transaction.atomic():
            Posting.objects.bulk_create(both)

    def test_refuses_to_change_what_is_posted(self):
        world()
        posted(equity())
        for model, changes in ((Posting, {"leg": 9}), (JournalEntry, {"turn": 9})):
            with pytest.raises(DatabaseError), transaction.atomic():
                model.objects.update(**changes)
            with pytest.raises(DatabaseError), transaction.atomic():
                model.objects.all().delete()
        assert balances()["INVENTORY", "USD"] == 18725

    def test_refuses_an_entry_in_closed_books_and_to_open_them_again(self):
        ours = world().ours
        posted(equity())
        closed(TODAY, entity_id=ours.id)
        copied = JournalEntry.objects.get()
        copied.id, copied.turn, copied.posting_date = None, 2, TODAY
        with pytest.raises(DatabaseError, match="the books are closed"), transaction.atomic():
            copied.save(force_insert=True)
        with pytest.raises(DatabaseError, match="closed beyond"), transaction.atomic():
            closed(TODAY - timedelta(days=1), entity_id=ours.id, proposal_id=2)

    def test_knows_the_accounts_of_the_chart(self):
        assert [each.code for each in CHART] == list(Accounts)


class TestAWrongBalance:
    def test_is_found_named_and_work_until_a_person_explains_it(self):
        book = world().book
        posted(equity())
        Lot.objects.update(cost=18000)
        found = verify_journal(now=NOW, actor=ACTOR, correct=False)
        assert [(each.what, each.kept, each.told) for each in found] == [("inventory", 18725, 18000)]
        assert verify_balances() == 1
        item = ExceptionItem.objects.get(kind=WRONG)
        facts = kind_of(WRONG).facts(About(item.subject, book.id, item.member), PRESENT)
        assert [row[1:] for row in facts.rows] == [("inventory", "18725.0000000000", "18000.0000")]

    def test_is_put_right_from_what_is_held(self):
        world()
        posted(equity())
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_posting DISABLE TRIGGER USER")
            cursor.execute("UPDATE ledger_posting SET debit = debit - 1 WHERE account = 'INVENTORY'")
            cursor.execute("ALTER TABLE ledger_posting ENABLE TRIGGER USER")
        found = verify_journal(now=NOW, actor=ACTOR, correct=False)
        assert [(each.what.split()[0], each.kept, each.told) for each in found] == [
            ("inventory", 18724, 18725),
            ("entry", -1, 0),
        ]

    def test_is_looked_for_in_steps_with_word_of_how_far_it_is(self):
        world()
        captured_ids(*(equity(quantity=str(n)) for n in range(1, 6)))
        post()
        Lot.objects.filter(quantity=3).update(cost=0)
        said: list[int] = []
        verify_journal(now=NOW, actor=ACTOR, correct=True, step=2, progress=said.append)
        assert len(said) >= 5  # five deals are there before what is wrong is posted anew
        assert all(1 <= after - before <= 2 for before, after in pairwise([0, *said]))
        assert JournalDue.objects.count() == 0

    def test_leaves_the_moment_in_which_much_comes_to_be_posted_outside(self, monkeypatch):
        world()
        posted(equity())
        Lot.objects.update(cost=18000)
        late = iter([[equity(quantity=str(n)) for n in range(1, 5)]])

        def locked():
            for documents in late:  # just before positions stand still
                captured_ids(*documents)
                post()

        monkeypatch.setattr("ledger.services.verify_journal.lock_positions", locked)
        found = verify_journal(now=NOW, actor=ACTOR, correct=False, step=2)
        assert [(each.what, each.kept - each.told) for each in found] == [("inventory", 725)]

    def test_that_cannot_be_put_right_keeps_nothing_else_from_being_posted(self):
        world()
        spoilt, other = posted(equity(), equity(quantity="10"))
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_posting DISABLE TRIGGER USER")
            cursor.execute(
                "UPDATE ledger_posting SET debit = debit - 1 WHERE account = 'INVENTORY' AND debit > 2000"
            )
            cursor.execute("ALTER TABLE ledger_posting ENABLE TRIGGER USER")
        amend(spoilt, quantity="50")
        amend(other, quantity="20")
        post()
        assert verify_balances() == 3 + 2  # and the totals of the day and the month
        assert balances()["PAYABLE", "USD"] == -18725 - 3745
        assert ExceptionItem.objects.filter(kind=WRONG).exists()

    def test_stops_the_command_that_looks_for_it(self):
        world()
        posted(equity())
        call_command("verify_journal", stdout=(out := StringIO()))
        assert out.getvalue() == "0 balances differed\n"
        LotMovement.objects.update(gain=1)
        with pytest.raises(CommandError, match="1 balances differ"):
            call_command("verify_journal", stdout=StringIO())


_ACTIONS = (
    ("DVCA", {"rate": "0.35"}),
    ("SPLF", {"new": "3", "old": "2"}),
    ("REDM", {"rate": "8"}),
    ("INTR", {"rate": "1.7", "instrument": BUND}),
    ("REDM", {"rate": "100", "instrument": BUND}),
)


class _Books(_Desk):
    """A desk whose journal follows now and then, and whose books close."""

    def post_journal(self, n: int) -> None:
        journal()

    def action(self, n: int) -> None:
        """Set, correct or call off one of five actions, of a share or a bond."""
        reference, (type_, told) = f"CA-{n % 5}", _ACTIONS[n % 5]
        said = terms(type_, ex=-(n % 3), **told)
        if n > 8 and CorporateAction.objects.filter(reference=reference).exists():
            said = replace(said, cancelled=True)
        try:
            act(reference, said)
        except Problem as error:  # it stands so already
            assert error.status == 409, error

    def bond(self, n: int) -> None:
        """Deal in a bond, with the interest that has accrued."""
        side = ("BUY", "BUY", "SELL")[n % 3]
        on = TODAY - timedelta(days=n % 4)
        self.ids += captured_ids(
            bond(on=on, side=side, quantity=str(1000 * (n + 1)), price=f"{90 + n}.{n:02}")
        )

    def close(self, n: int) -> None:
        (entity,) = sql.row("SELECT entity_id FROM refdata_book") or (0,)
        last = PeriodClosing.objects.filter(entity_id=entity).order_by("-closed_through").first()
        through = last.closed_through + timedelta(days=1) if last else TODAY - timedelta(days=4)
        closed(through, entity_id=entity, proposal_id=PeriodClosing.objects.count() + 1)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "buy",
                "buy",
                "buy",
                "sell",
                "sell",
                "order",
                "bond",
                "bond",
                "amend",
                "move",
                "cancel",
                "settle",
                "post",
                "post_journal",
                "post_journal",
                "action",
                "close",
            ]
        ),
        st.integers(0, 11),
    ),
    min_size=8,
    max_size=24,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=_STEPS,
    method=st.sampled_from(["FIFO", "LIFO", "AVERAGE"]),
    shorts=st.booleans(),
    with_fees=st.booleans(),
)
def test_any_sequence_balances_and_leaves_what_a_replay_posts(db, steps, method, shorts, with_fees):
    with transaction.atomic():
        world()
        bund()
        policy(method=method, opens_short=shorts, with_fees=with_fees)
        desk = _Books()
        for name, n in steps:
            getattr(desk, name)(n)
        post()
        assert verify_journal(now=NOW, actor=ACTOR, correct=False) == []
        kept = standing()
        sql.run("ALTER TABLE ledger_posting DISABLE TRIGGER append_only")
        sql.run("ALTER TABLE ledger_journal DISABLE TRIGGER append_only")
        for table in ("posting", "journal", "journal_due"):
            sql.run(f"DELETE FROM ledger_{table}")
        replayed()
        journal()
        assert standing() == kept
        transaction.set_rollback(True)
