"""Positions told again from the trades by other code: what is wrong is named, put right when asked, and is work."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from core import sql
from core.as_of import NOW as PRESENT
from core.models import Event
from ledger.models import Lot, LotMovement, Position
from ledger.services.lots import sum_up_lots
from ledger.services.verify import verify_positions
from ledger.tasks import verify_positions as verify_task
from ledger.work_kinds import WRONG
from tests.ledger.support import ACTOR, post, traded
from tests.support.factories import (
    APPLE,
    bond,
    bund,
    captured_ids,
    checked,
    derivative,
    equity,
    fx,
    goods,
    listed,
    service,
    settle,
    swap,
    world,
)
from tests.support.records import NOW
from trades.models import ExceptionItem
from trades.work_items import About, kind_of

pytestmark = pytest.mark.django_db


def wrong(*, correct: bool = False) -> list[tuple[str, Decimal, Decimal]]:
    found = verify_positions(now=NOW, actor=ACTOR, correct=correct)
    return [(each.what, each.kept, each.told) for each in found]


@pytest.fixture
def _entered():
    world()
    settle([checked(equity())])
    post()


def test_every_product_is_told_again_to_the_same():
    world()
    bund()
    listed()
    every = [equity(), bond(), derivative(), fx(), goods(), goods(side="BUY"), service(), swap()]
    captured_ids(*every, equity(book="NOWHERE"), equity(instrument="US0000000000"))
    settle([checked(swap()), checked(service())])
    post()
    assert wrong() == []


@pytest.mark.usefixtures("_entered")
class TestAWrongFigure:
    def test_is_found_in_a_running_total_and_put_right_when_asked(self):
        Position.objects.filter(instrument_id__gt=0).update(settled=Decimal("99.5"))
        assert wrong() == [("running total, settled", Decimal("99.5"), 100)]
        assert Position.objects.get(instrument_id__gt=0).settled == Decimal("99.5")
        assert wrong(correct=True) == [("running total, settled", Decimal("99.5"), 100)]
        assert wrong() == []
        assert Position.objects.get(instrument_id__gt=0).settled == 100

    def test_is_found_in_a_total_that_is_missing(self):
        Position.objects.filter(instrument_id__gt=0).delete()
        assert wrong(correct=True)[:2] == [
            ("running total, settled", 0, 100),
            ("running total, traded", 0, 100),
        ]
        assert (wrong(), traded()[APPLE]) == ([], 100)

    def test_is_found_in_entries_and_names_the_trade(self):
        sql.run(
            "INSERT INTO ledger_position_entry (trade_id, version, leg, basis, book_id, instrument_id, currency,"
            " counterparty_id, quantity, amount, fees, effective_date, settles_on, moment, recorded_at)"
            " SELECT trade_id, version, leg, basis, book_id, instrument_id, currency, counterparty_id, 7, amount, fees,"
            " effective_date, settles_on, moment, recorded_at FROM ledger_position_entry"
            " WHERE basis = 'SETTLED' AND instrument_id <> 0"
        )
        found = verify_positions(now=NOW, actor=ACTOR, correct=True)
        assert [(each.what, each.kept, each.told) for each in found[:1]] == [
            ("settled of 2026-11-25", 107, 100)
        ]
        assert found[0].trade_id == sql.row("SELECT trade_id FROM trades_state")[0]
        assert wrong() == []

    def test_is_found_in_the_lots(self):
        Lot.objects.update(quantity=90)
        assert wrong(correct=True) == [("lots", 90, 100), ("movements of lots", 100, 90)]

        assert wrong() == []

    @pytest.mark.parametrize("figure", ["cost", "quantity"])
    def test_is_found_in_what_a_lot_is_of_or_cost(self, figure):
        (before,) = Lot.objects.values_list(figure, flat=True)
        Lot.objects.update(**{figure: 1})
        assert (f"{figure} of a lot", 1, before) in wrong()
        wrong(correct=True)
        assert (wrong(), Lot.objects.get().cost) == ([], Decimal("18725"))

    def test_is_found_in_what_was_gained(self):
        checked(equity(side="SELL", quantity="40", price="200"))
        post()
        LotMovement.objects.filter(kind="CLOSE").update(gain=9)
        assert wrong(correct=True) == [("cost of lots", 11235, 10734)]
        assert (wrong(), LotMovement.objects.get(kind="CLOSE").gain) == ([], 510)

    def test_is_found_where_another_lot_was_closed_at_the_same_cost(self):
        checked(equity())
        checked(equity(side="SELL", quantity="100"))
        post()
        assert wrong() == []
        LotMovement.objects.filter(kind="CLOSE").update(
            lot_trade_id=sql.row("SELECT max(trade_id) - 1 FROM trades_state")[0]
        )
        sum_up_lots(positions=[sql.row("SELECT book_id, instrument_id FROM ledger_lot LIMIT 1")])
        assert {what for what, _, _ in wrong()} == {"quantity of a lot", "cost of a lot"}
        wrong(correct=True)
        assert wrong() == []

    def test_is_work_until_a_person_explains_it(self):
        Position.objects.filter(instrument_id__gt=0).update(traded=1)
        assert verify_task() == 1
        book = sql.row("SELECT id FROM refdata_book")[0]
        item = ExceptionItem.objects.get(kind=WRONG)
        assert (item.subject, item.subject_id, item.member) == ("position", book, f"{APPLE} USD")
        event = Event.objects.filter(type="position.corrected").earliest("id")
        assert sql.json_value(event.data)["what"] == "running total, traded"
        facts = kind_of(WRONG).facts(About("position", book, f"{APPLE} USD"), PRESENT)
        assert facts.title == f"Position of BOOK-1 in {APPLE} USD"
        assert [row[1:] for row in facts.rows] == [
            ("running total, traded", "1.0000000000", "100.0000000000")
        ]

    def test_stops_the_command_that_looks_for_it(self):
        Position.objects.update(traded=1)
        with pytest.raises(CommandError, match="figures differ"):
            call_command("verify_positions", stdout=StringIO())
        call_command("verify_positions", "--correct", stdout=StringIO())
        out = StringIO()
        call_command("verify_positions", stdout=out)
        assert out.getvalue() == "0 figures differed\n"


@pytest.mark.usefixtures("_entered")
def test_what_has_not_been_entered_yet_is_not_wrong():
    captured_ids(equity())
    sql.run(
        "UPDATE trades_state SET changed_xid = changed_xid + 1"
        " WHERE trade_id = (SELECT max(trade_id) FROM trades_state)"
    )
    assert wrong() == []
