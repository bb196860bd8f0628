"""Positions: what each product makes us hold, what a change does to it, and that nothing depends on the order."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from ledger.models import Lot, LotMovement, LotPolicy, PositionEntry
from ledger.selectors.lots import list_lots, play_again
from ledger.selectors.positions import Which
from ledger.services.posting import post_changed
from ledger.services.verify import verify_positions
from ledger.tasks import post_positions
from refdata.models import Book
from tests.ledger.support import (
    ACTOR,
    amend,
    cancel,
    closings,
    lots,
    post,
    replayed,
    rows_of_all,
    totals,
    traded,
)
from tests.support.blocks import allocate
from tests.support.factories import (
    APPLE,
    EURO_SHARE,
    FUTURE,
    bond,
    bund,
    captured_ids,
    check_everything,
    checked,
    derivative,
    equity,
    fx,
    goods,
    listed,
    other_connection,
    service,
    settle,
    swap,
    world,
)
from tests.support.records import NOW, TODAY
from trades.models import ExceptionItem

pytestmark = pytest.mark.django_db


def share(quantity: str, price: str, *, day: int = 0, ref: str = "", **changes) -> dict:
    """Return a purchase (above zero) or sale of the euro share, some days before today."""
    on = TODAY - timedelta(days=day)
    return equity(
        ref, on=on, instrument=EURO_SHARE, currency="EUR", side="SELL" if quantity.startswith("-") else "BUY",
        quantity=quantity.lstrip("-"), price=price, **changes,
    )  # fmt: skip


def policy(*, since: date = date(2020, 1, 1), version: int = 1, **terms) -> None:
    given = {"method": "FIFO", "opens_short": True, "with_fees": False, **terms}
    LotPolicy.objects.create(
        book_id=Book.objects.get(code="BOOK-1").id, version=version, valid_from=since, proposal_id=version,
        approved_at=NOW, **given,
    )  # fmt: skip


class TestEachProduct:
    @pytest.fixture(autouse=True)
    def _world(self):
        world()

    def held(self, document) -> dict[str, Decimal]:
        post(captured_ids(document))
        return traded()

    def test_shares_are_held_and_paid_for(self):
        assert self.held(equity()) == {APPLE: 100, "USD": Decimal("-18725.00")}

    def test_shares_sold_are_owed_and_paid_to_us(self):
        assert self.held(equity(side="SELL")) == {APPLE: -100, "USD": Decimal("18725.00")}

    def test_a_bond_is_held_in_nominal_and_costs_its_clean_price(self):
        bund()
        held = self.held(bond())
        assert held.pop("EUR") < -874600
        assert held == {"DE0001102606": 1_000_000}
        entry = PositionEntry.objects.get(instrument_id__gt=0)
        assert (entry.amount, entry.fees) == (Decimal("874600.0000"), 0)

    def test_a_future_is_held_in_contracts_and_only_fees_are_paid(self):
        listed()
        fee = {"type": "CLEARING", "amount": "31.25", "currency": "EUR"}
        assert self.held(derivative(fees=[fee])) == {FUTURE: 25, "EUR": Decimal("-31.25")}
        entry = PositionEntry.objects.get(instrument_id__gt=0)
        assert (entry.amount, entry.fees) == (Decimal("1228125.0000"), Decimal("31.2500"))

    def test_an_order_of_goods_is_held_by_article(self):
        assert self.held(goods()) == {"SKU-1": -12, "SKU-2": -6, "EUR": 96}

    def test_work_is_paid_for_and_held_by_nobody(self):
        assert self.held(service()) == {"EUR": 2925}

    def test_an_exchange_is_held_in_both_currencies(self):
        assert self.held(fx()) == {"EUR": 1_000_000, "USD": -1_085_000}

    def test_a_swap_leaves_what_its_legs_differ_by(self):
        assert self.held(swap()) == {"USD": 2_500}
        dates = {(each.leg, each.effective_date) for each in PositionEntry.objects.all()}
        assert dates == {(1, TODAY), (2, TODAY), (3, TODAY), (4, TODAY)}

    def test_fees_are_kept_beside_what_the_shares_cost(self):
        post(captured_ids(equity(side="SELL", fees=[{"type": "TAX", "amount": "5", "currency": "USD"}])))
        entry = PositionEntry.objects.get(instrument_id__gt=0)
        assert (entry.amount, entry.fees) == (18725, 5)
        assert traded()["USD"] == 18720


class TestChanges:
    @pytest.fixture(autouse=True)
    def _world(self):
        world()

    def test_what_is_not_settled_is_only_traded(self):
        trade_id = checked(equity())
        post()
        assert totals() == {
            ("BOOK-1", APPLE, "BROKER-01"): (100, 0),
            ("BOOK-1", "USD", "BROKER-01"): (-18725, 0),
        }
        settle([trade_id])
        post()
        assert totals() == {
            ("BOOK-1", APPLE, "BROKER-01"): (100, 100),
            ("BOOK-1", "USD", "BROKER-01"): (-18725, -18725),
        }
        dates = dict(sql.rows("SELECT DISTINCT basis, effective_date FROM ledger_position_entry"))
        assert dates == {"TRADED": TODAY, "SETTLED": TODAY + timedelta(days=2)}

    def test_an_amendment_reverses_and_enters_anew_with_its_own_date(self):
        trade_id = checked(equity())
        post()
        amend(trade_id, quantity="60")
        post()
        assert traded() == {APPLE: 60, "USD": -11235}
        entries = PositionEntry.objects.filter(instrument_id__gt=0).order_by("id")
        first, reversal, second = entries
        assert (reversal.reverses, reversal.quantity, reversal.version) == (first.id, -100, 2)
        assert (second.quantity, second.version, second.effective_date) == (60, 2, TODAY)

    def test_an_amendment_that_moves_nothing_enters_nothing(self):
        trade_id = checked(equity())
        post()
        amend(trade_id, trader="zoe")
        post()
        assert PositionEntry.objects.count() == 2

    def test_a_trade_called_off_leaves_nothing(self):
        trade_id = checked(equity())
        post()
        cancel(trade_id)
        post()
        assert (traded(), Lot.objects.count(), LotMovement.objects.count()) == ({}, 0, 0)
        assert PositionEntry.objects.count() == 4

    def test_the_parts_of_a_block_are_held_instead_of_it(self):
        Book.objects.create(code="BOOK-2", desk="DESK-2", entity=Book.objects.get().entity)
        block = checked(equity())
        post()
        allocate(block, {"book": "BOOK-1", "quantity": "60"}, {"book": "BOOK-2", "quantity": "40"})
        check_everything()
        post()
        assert {key[:2]: each[0] for key, each in totals().items() if key[1] == APPLE} == {
            ("BOOK-1", APPLE): 60, ("BOOK-2", APPLE): 40,
        }  # fmt: skip

    def test_a_trade_in_no_known_book_is_held_by_nobody(self):
        post(captured_ids(equity(book="NOWHERE"), equity(instrument="US0000000000")))
        assert PositionEntry.objects.count() == 0

    def test_to_post_twice_changes_nothing(self):
        checked(equity())
        post()
        before = rows_of_all()
        post()
        assert rows_of_all() == before
        assert PositionEntry.objects.count() == 2


class TestLots:
    @pytest.fixture(autouse=True)
    def _world(self):
        world()

    def three(self) -> list[int]:
        return captured_ids(
            share("4", "100.00", day=3), share("5", "111.11", day=2), share("6", "122.22", day=1)
        )

    def test_a_sale_names_the_trades_whose_lots_it_closes(self):
        first, second, third = self.three()
        (sale,) = captured_ids(share("-7", "130"))
        post()
        assert closings(EURO_SHARE) == [(first, sale, 4, 120), (second, sale, 3, Decimal("56.67"))]
        assert lots(EURO_SHARE) == [(second, 2, Decimal("222.22")), (third, 6, Decimal("733.32"))]

    def test_lots_are_the_same_in_whichever_order_the_trades_arrive(self):
        (sale,) = captured_ids(share("-7", "130"))
        post()
        assert lots(EURO_SHARE) == [(sale, -7, -910)]
        first, second, third = self.three()
        for trade_id in (third, first, second):
            post([trade_id])
        assert closings(EURO_SHARE) == [(first, sale, 4, 120), (second, sale, 3, Decimal("56.67"))]

    def test_an_amendment_of_an_opening_tells_its_closings_again(self):
        first, second, _ = self.three()
        (sale,) = captured_ids(share("-7", "130"))
        check_everything()
        post()
        amend(first, quantity="6", price="101")
        post()
        assert closings(EURO_SHARE) == [(first, sale, 6, 174), (second, sale, 1, Decimal("18.89"))]
        movement = LotMovement.objects.filter(kind="CLOSE").earliest("id")
        assert (movement.lot_version, movement.version) == (2, 1)

    def test_a_book_may_take_the_average(self):
        policy(method="AVERAGE")
        captured_ids(share("100", "56", day=2), share("100", "60", day=1))
        (sale,) = captured_ids(share("-50", "61"))
        post()
        assert [(each[1], each[3]) for each in closings(EURO_SHARE)] == [(sale, 150)]
        assert [each[1:] for each in lots(EURO_SHARE)] == [(150, 8700)]

    def test_a_policy_holds_from_its_day_on(self):
        policy(method="LIFO", since=TODAY)
        first, _, third = self.three()
        before, now = captured_ids(
            share("-1", "130", day=1, executed_at="2026-11-22T23:00:00Z"), share("-1", "130")
        )
        post()
        assert [each[:2] for each in closings(EURO_SHARE)] == [(first, before), (third, now)]

    def test_a_sale_of_what_is_not_held_is_work_where_the_book_refuses_shorts(self):
        policy(opens_short=False)
        self.three()
        sale = checked(share("-16", "130"))
        post()
        item = ExceptionItem.objects.get(kind="SHORT_SALE")
        assert (item.trade_id, item.summary) == (sale, f"BOOK-1 holds less than is sold: {EURO_SHARE} (16).")
        assert traded()[EURO_SHARE] == -1
        assert [each[1] for each in lots(EURO_SHARE)] == [-16, 4, 5, 6]

    def test_the_work_is_done_when_the_missing_purchase_comes(self):
        policy(opens_short=False)
        self.three()
        sale = checked(share("-16", "130"))
        post()
        captured_ids(share("1", "99", day=5))
        post()
        assert ExceptionItem.objects.get(trade_id=sale, kind="SHORT_SALE").closed_at == NOW
        assert lots(EURO_SHARE) == []

    def test_the_work_is_done_when_the_sale_is_called_off(self):
        policy(opens_short=False)
        sale = checked(share("-16", "130"))
        post()
        cancel(sale)
        post()
        assert not ExceptionItem.objects.filter(kind="SHORT_SALE", closed_at=None).exists()


@pytest.mark.django_db(transaction=True)
class TestTheWorker:
    def test_takes_in_what_has_changed_since_and_nothing_else(self):
        world()
        captured_ids(share("1", "10"), share("2", "10"))
        assert post_changed(now=NOW, actor=ACTOR) == 2
        (third,) = captured_ids(share("3", "10"))
        cancel(third)
        captured_ids(share("4", "10"))
        assert (post_changed(now=NOW, actor=ACTOR), post_changed(now=NOW, actor=ACTOR)) == (2, 0)
        assert traded()[EURO_SHARE] == 7

    def test_goes_on_where_a_step_has_ended(self):
        world()
        captured_ids(*[share("1", str(n + 1)) for n in range(5)])
        assert [post_changed(now=NOW, actor=ACTOR, step=2) for _ in range(4)] == [2, 2, 1, 0]
        assert traded()[EURO_SHARE] == 5

    def test_leaves_the_work_to_whoever_is_at_it(self):
        world()
        captured_ids(share("1", "10"))
        assert post_changed(now=NOW, actor=ACTOR) == 1
        captured_ids(share("2", "10"))
        with other_connection() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM ledger_position_mark FOR UPDATE")
            assert post_changed(now=NOW, actor=ACTOR) == 0
            cursor.execute("ROLLBACK")  # a server notes only later that a connection has gone
        assert post_changed(now=NOW, actor=ACTOR) == 1
        assert traded()[EURO_SHARE] == 3

    def test_waits_for_transactions_that_are_open(self):
        world()
        with transaction.atomic():
            captured_ids(share("1", "10"))
            assert post_changed(now=NOW, actor=ACTOR) == 0
        assert post_positions() == 1


class _Desk:
    """Does at random what people and systems do to trades, and takes some of it in."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def buy(self, n: int) -> None:
        self._deal(n, "")

    def sell(self, n: int) -> None:
        self._deal(n, "-")

    def _deal(self, n: int, sign: str) -> None:
        moment = {"executed_at": f"2026-11-23T{9 + n % 5:02}:00:00Z"} if n % 2 else {}
        self.ids += captured_ids(share(f"{sign}{n + 1}", f"{7 + n}.{n:02}", day=n % 4, **moment))

    def order(self, n: int) -> None:
        self.ids += captured_ids(goods(side=("BUY", "SELL")[n % 2]))

    def amend(self, n: int) -> None:
        self._changed(n, lambda trade_id: amend(trade_id, quantity=str(n + 3), price="9.87"))

    def move(self, n: int) -> None:
        on = TODAY - timedelta(days=n % 5)
        self._changed(n, lambda trade_id: amend(trade_id, trade_date=on.isoformat()))

    def cancel(self, n: int) -> None:
        self._changed(n, cancel)

    def settle(self, n: int) -> None:
        check_everything()
        settle(self.ids[n % len(self.ids) :][:1] if self.ids else [])

    def post(self, n: int) -> None:
        post()

    def post_some(self, n: int) -> None:
        post(self.ids[n % 3 :: 2])

    def _changed(self, n: int, change) -> None:
        if self.ids:
            try:
                change(self.ids[n % len(self.ids)])
            except Problem as error:
                assert error.status in {409, 422}, error


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
                "amend",
                "move",
                "cancel",
                "settle",
                "post",
                "post_some",
            ]
        ),
        st.integers(0, 11),
    ),
    min_size=4,
    max_size=18,
)


def assert_played_as_kept(day: date) -> None:
    """Assert that lots on a day are those that are played again up to it."""
    kept = {
        (row["book_id"], row["instrument_id"], row["currency"], row["lot_trade_id"], row["lot_leg"]): (
            row["quantity"], row["cost"],
        )
        for row in list_lots(which=Which(), on=day, limit=1_000)
    }  # fmt: skip
    positions = sql.rows(
        "SELECT DISTINCT book_id, instrument_id FROM ledger_position WHERE instrument_id <> 0"
    )
    told = {}
    for key, (found, _) in play_again(positions=positions, on=day, most=1_000).items():
        told |= {(*key, lot.opened.source_id, lot.opened.leg): (lot.quantity, lot.cost) for lot in found.open}
        if found.refused:
            told[(*key, 0, 0)] = (found.refused, 0)
    assert kept == told


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=_STEPS,
    first=st.sampled_from(["FIFO", "LIFO", "AVERAGE"]),
    second=st.sampled_from(["FIFO", "LIFO", "AVERAGE"]),
    shorts=st.booleans(),
)
def test_any_sequence_leaves_what_a_replay_of_the_trades_makes(db, steps, first, second, shorts):
    with transaction.atomic():
        world()
        policy(method=first, opens_short=shorts)
        policy(method=second, since=TODAY - timedelta(days=1), version=2)
        desk = _Desk()
        for name, n in steps:
            getattr(desk, name)(n)
        post()
        assert verify_positions(now=NOW, actor=ACTOR, correct=False) == []
        made = rows_of_all()
        assert made == replayed()
        held = sql.rows(
            "SELECT p.book_id, p.instrument_id, p.currency, sum(p.traded) FROM ledger_position p"
            " WHERE p.instrument_id <> 0 GROUP BY 1, 2, 3 HAVING sum(p.traded) <> 0 ORDER BY 1, 2, 3"
        )
        in_lots = sql.rows(
            "SELECT book_id, instrument_id, currency, sum(quantity) FROM ledger_lot GROUP BY 1, 2, 3"
            " HAVING sum(quantity) <> 0 ORDER BY 1, 2, 3"
        )
        assert in_lots == held
        for days in (1, 3):
            assert_played_as_kept(TODAY - timedelta(days=days))
        transaction.set_rollback(True)
