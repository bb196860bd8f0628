"""What a day realised and what is open, by the lots; and what corporate actions come to in its profit."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from core import sql
from ledger.models import LotPolicy, ProfitGain, ProfitRun
from refdata.models import Book
from tests.ledger.profit_support import FRIDAY, MONDAY, TUESDAY, WEDNESDAY, gains, money, parts, tell
from tests.ledger.support import amend, cancel, post
from tests.ledger.test_actions import act, terms
from tests.ledger.test_profit import closes, share
from tests.support.api import Api
from tests.support.factories import (
    APPLE,
    BUND,
    EURO_SHARE,
    bond,
    bund,
    captured_ids,
    checked,
    equity,
    fx,
    rate,
    service,
    world,
)
from tests.support.fees import fee_rule
from tests.support.records import NOW

_CARRIED = "SELECT trader, sum(carry) FROM ledger_profit_line WHERE run_id = %s GROUP BY 1 ORDER BY 1"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _world():
    world()


def dealt(*trades: dict) -> list[int]:
    ids = captured_ids(*trades)
    post()
    return ids


def told(day=MONDAY, **changes) -> dict[str, Decimal]:
    post()
    return gains(tell(day, **changes))


class TestGains:
    def test_are_realised_by_what_closes_lots_and_unrealised_by_what_is_open(self):
        closes(EURO_SHARE, friday="120", monday="122.22", tuesday="121")
        dealt(
            share("4", "100.00", on=FRIDAY), share("5", "111.11", on=FRIDAY), share("6", "122.22", on=FRIDAY)
        )
        dealt(share("-7", "125"))
        # 4 x 25.00 and 3 x 13.89 are realised; 15 x 120 - 1,688.87 = 111.13 was open, 2 x 11.11 is.
        assert told() == money(realised="141.67", unrealised="-88.91", total="52.76")
        assert told(TUESDAY) == money(unrealised="-9.76", total="-9.76")
        dealt(share("-8", "121", on=TUESDAY))
        assert told(TUESDAY, reason="a sale came late") == money(
            realised="12.46", unrealised="-22.22", total="-9.76"
        )

    def test_count_by_the_method_of_the_book(self):
        LotPolicy.objects.create(
            book_id=Book.objects.get(code="BOOK-1").id,
            version=1,
            valid_from=FRIDAY,
            method="AVERAGE",
            opens_short=True,
            with_fees=False,
            proposal_id=1,
            approved_at=NOW,
        )
        closes(EURO_SHARE, friday="60", monday="60")
        dealt(share("100", "56", on=FRIDAY), share("100", "60", on=FRIDAY))
        dealt(share("-50", "61"))
        assert told() == money(realised="150", unrealised="-100", total="50")

    def test_are_apart_from_fees_carry_and_rates(self):
        rate("USD", "0.90", on=FRIDAY)
        closes(APPLE, friday="180")
        fees = [{"type": "COMMISSION", "amount": "2.00", "currency": "USD"}]
        dealt(equity(on=FRIDAY, quantity="10", price="170"))
        dealt(equity(side="SELL", quantity="5", price="190", fees=fees))
        # Realised 5 x 20; open 10 x 10 before, 5 x 17 now; wealth of 100 moved by 0.02.
        assert told() == money(realised="92", unrealised="-13.8", fees="-1.84", fx=2, total="78.36")

    def test_go_to_who_closed_and_who_opened(self):
        closes(EURO_SHARE, friday="100", monday="103")
        dealt(share("10", "98", on=FRIDAY), share("-10", "104", trader="msato"))
        run = tell()
        assert gains(run) == money(realised="60", unrealised="-20", total="40")
        found = {
            row.trader: (row.realised, row.unrealised, row.transferred)
            for row in ProfitGain.objects.filter(run_id=run)
        }
        assert found == {"jdoe": (0, -20, 50), "msato": (60, 0, -50)}

    def test_of_money_alone_are_realised(self):
        dealt(fx(), service())
        assert told() == money(realised="4725", total="4725")

    def test_name_what_the_lots_do_not_tell(self):
        closes(EURO_SHARE, monday="102")
        run = tell(kind=ProfitRun.Kind.INTRADAY)
        captured_ids(share("10", "100"))
        sql.run("UPDATE ledger_position_mark SET xid = 9000000000000000000")  # so that nothing follows
        run = tell(kind=ProfitRun.Kind.INTRADAY)
        assert gains(run) == money(difference=20, total=20)
        assert set(ProfitGain.objects.filter(run_id=run).values_list("reason", flat=True)) == {"WAITING"}

    def test_follow_amendments_and_cancellations(self):
        closes(EURO_SHARE, friday="100", monday="103", tuesday="104")
        first, second = dealt(share("10", "98", on=FRIDAY), share("-4", "99", on=FRIDAY))
        assert told() == money(unrealised=18, total=18)
        amend(first, price="97")
        cancel(second)
        # What was realised is undone: 4 x 1; what is open is 10 x 7 and was 6 x 5.
        assert told(TUESDAY) == money(realised=-4, unrealised=40, total=36)

    def test_know_what_stood_before_there_were_any(self):
        closes(EURO_SHARE, friday="100", monday="103", tuesday="104")
        dealt(share("10", "98", on=FRIDAY), share("-4", "99", on=FRIDAY))
        told()
        sql.run("ALTER TABLE ledger_profit_gain DISABLE TRIGGER USER")
        sql.run("DELETE FROM ledger_profit_gain")
        sql.run("ALTER TABLE ledger_profit_gain ENABLE TRIGGER USER")
        assert told(TUESDAY) == money(unrealised=6, total=6)

    def test_are_said_by_the_command(self, capsys):
        closes(EURO_SHARE, friday="100", monday="103")
        dealt(share("10", "98", on=FRIDAY), share("-4", "99"))
        call_command("tell_profit", day=MONDAY)
        said = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert said == [
            ["2026-11-23", "has", "been", "told:", "14.0000", "EUR."],
            ["realised", "4.0000"],
            ["unrealised", "10.0000"],
        ]

    def test_are_read_over_the_api(self):
        closes(EURO_SHARE, friday="100", monday="103")
        dealt(share("10", "98", on=FRIDAY), share("-4", "99"))
        tell()
        api, day = Api(sources=[]), f"/profit/days/{MONDAY}/gains"
        said = api.get(f"{day}?by=desk").json()
        (item,) = said["items"]
        assert (item["realised"], item["unrealised"], item["total"], item["reasons"]) == (
            "4.00",
            "10.00",
            "14.00",
            [],
        )
        assert (said["realised"], said["total"]) == ("4.00", "14.00")
        (position,) = api.get(f"{day}/books/BOOK-1").json()["items"]
        assert (position["quantity"], position["cost"], position["worth"]) == ("6", "588", "618")
        assert api.get(f"{day}?by=mood").status_code == 400


class TestActions:
    def test_split_what_is_held_and_leave_what_it_is_worth(self):
        closes(EURO_SHARE, friday="100", monday="51")
        dealt(share("10", "98", on=FRIDAY), share("5", "98", on=FRIDAY, trader="msato"))
        act("CA-1", terms("SPLF", new="2", old="1"))
        run = tell()
        assert parts(run) == money(market=30, total=30)  # 30 x 51 - 15 x 100
        assert gains(run) == money(unrealised=30, total=30)
        held = sql.rows("SELECT trader, quantity FROM ledger_profit_line WHERE run_id = %s ORDER BY 1", [run])
        assert held == [("jdoe", 20), ("msato", 10)]

    def test_split_a_price_of_before(self):
        closes(EURO_SHARE, friday="100")
        dealt(share("10", "98", on=FRIDAY))
        act("CA-1", terms("SPLF", new="4", old="1"))
        assert parts(tell()) == money(total=0)

    def test_pay_dividends_as_carry_to_whoever_held(self):
        closes(EURO_SHARE, friday="100", monday="97", tuesday="97")
        dealt(share("10", "98", on=FRIDAY), share("-4", "98", on=FRIDAY, trader="msato"))
        dealt(share("5", "97"))  # dealt without the dividend
        act("CA-1", terms("DVCA", rate="2.5", pay=1))
        run = tell()
        assert parts(run) == money(market=-18, carry=15, total=-3)
        assert gains(run) == money(unrealised=-18, carry=15, total=-3)
        carried = sql.rows(_CARRIED, [run])
        assert carried == [("jdoe", 25), ("msato", -10)]
        assert parts(tell(TUESDAY)) == money(total=0)

    def test_of_which_we_hear_late_are_of_the_day_on_which_we_do(self):
        closes(EURO_SHARE, friday="100", monday="97", tuesday="97")
        dealt(share("10", "98", on=FRIDAY))
        assert parts(tell()) == money(market=-30, total=-30)
        act("CA-1", terms("DVCA", rate="2.5"))
        assert parts(tell(TUESDAY)) == money(carry=25, total=25)
        act("CA-1", terms("DVCA", rate="2.5", cancelled=True))
        assert parts(tell(WEDNESDAY)) == money(carry=-25, total=-25)

    def test_redeem_what_is_held(self):
        closes(EURO_SHARE, friday="100", tuesday="1")
        dealt(share("10", "98", on=FRIDAY))
        act("CA-1", terms("REDM", rate="103"))
        run = tell()
        assert parts(run) == money(market=30, total=30)
        assert gains(run) == money(realised=50, unrealised=-20, total=30)
        assert parts(tell(TUESDAY)) == money(total=0)

    def test_change_nothing_by_a_coupon_that_was_earned_day_by_day(self):
        bund()
        closes(BUND, friday="88", monday="88", tuesday="88")
        dealt(bond(on=FRIDAY))
        told()
        act("CA-1", terms("INTR", instrument=BUND, rate="1.7", ex=1))
        assert "carry" not in parts(tell(TUESDAY))

    def test_pay_a_coupon_of_a_bond_whose_coupons_are_not_known(self):
        bund(coupon_rate=None, coupon_frequency=None, dated_date=None, maturity=None, day_count="")
        closes(BUND, friday="88", monday="88", tuesday="88", wednesday="88")
        dealt(bond(on=FRIDAY - timedelta(days=7)))
        told()
        act("CA-1", terms("INTR", instrument=BUND, rate="1.7", ex=1))
        assert parts(tell(TUESDAY))["carry"] == 17000


class TestCharges:
    def test_that_rules_make_of_deals_are_fees_until_they_are_reversed(self):
        closes(EURO_SHARE, friday="100", monday="100", tuesday="100", wednesday="100")
        fee_rule("LEVY", type="LEVY", rate="10", is_stated=False)
        fee_rule("TAX", type="VAT", rate="2000", direction="RECEIVE", is_stated=False)
        stated = [{"type": "COMMISSION", "amount": "1.95", "currency": "EUR"}]
        tell()
        trade = checked(share("10", "100", on=TUESDAY, fees=stated))
        assert told(TUESDAY) == money(fees="-2.95", total="-2.95")
        cancel(trade)
        assert told(WEDNESDAY) == money(fees="2.95", total="2.95")
