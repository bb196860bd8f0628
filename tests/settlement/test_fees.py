"""What deals are charged is accrued once, follows every change of them, and is nothing once they are called off."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import sql
from core.ids import TRADE, public_id
from tests.support.factories import captured_ids, check_everything, checked, equity, goods, party, world
from tests.support.fees import charges, fee_rule, lines
from tests.support.records import CLERK, LATER, TODAY, state_of
from trades.lifecycle import State
from trades.services.change import Change
from trades.services.recheck import recheck_trades
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db
D = Decimal


def deal(ref="", **changes):
    return equity(ref, quantity="100", price="187", **changes)


def amended(trade_id, **changes):
    change_trade(change=Change("AMEND", trade_id, "as agreed", changes=changes), actor=CLERK, now=LATER)


def cancel(trade_id, *, dry_run=False):
    return change_trade(change=Change("CANCEL", trade_id, "off"), actor=CLERK, now=LATER, dry_run=dry_run)


STATED = [{"type": "COMMISSION", "amount": "18.70", "currency": "USD"}]


def test_what_the_front_office_states_is_accrued_with_the_first_check():
    world()
    (trade_id,) = captured_ids(deal(fees=STATED))
    assert charges(trade_id) == {}
    check_everything()
    assert lines(trade_id) == [(1, "COMMISSION", "-18.7", True, False)]


def test_what_it_leaves_out_is_accrued_as_the_rule_makes_it():
    world()
    fee_rule("LEVY", type="LEVY", rate="2.5", is_stated=False)
    assert lines(checked(deal())) == [(1, "LEVY", "-4.68", False, False)]


def test_a_held_deal_is_charged_too():
    world()
    trade_id = checked(deal(counterparty="NOBODY", fees=STATED))
    assert state_of(trade_id)[0] is State.EXCEPTION
    assert charges(trade_id) == {"COMMISSION USD": Decimal("-18.70")}


def test_what_comes_on_top_of_an_order_that_we_sell_is_received():
    world()
    fees = [{"type": "CARRIAGE", "amount": "4.50", "currency": "GBP"}]
    trade_id = checked(goods(side="SELL", fees=fees))
    assert charges(trade_id) == {"CARRIAGE GBP": Decimal("4.50")}


@pytest.mark.parametrize(
    ("rule", "charged"),
    [
        ({"rate": "12.345"}, "-23.09"),  # 23.08515
        ({"basis": "PER_UNIT", "rate": "0.0075", "currency": "USD"}, "-0.75"),
        ({"basis": "FLAT", "rate": "15", "currency": "USD"}, "-15"),
        ({"rate": "1", "minimum": "9.95", "currency": "USD"}, "-9.95"),
        ({"rate": "100", "maximum": "25", "currency": "USD"}, "-25"),
        ({"rate": "10", "direction": "RECEIVE"}, "18.70"),
        (
            {"rate": "20", "currency": "USD", "tiers": [("10000", "10"), ("18700", "5"), ("50000", "1")]},
            "-9.35",
        ),
        ({"rate": "20", "currency": "USD", "tiers": [("18700.01", "5")]}, "-37.40"),
    ],
)
def test_a_rule_makes_its_charge_to_the_cent(rule, charged):
    world()
    fee_rule("R", **{"type": "LEVY", "is_stated": False, **rule})
    assert charges(checked(deal())) == {"LEVY USD": Decimal(charged)}


def test_the_most_specific_rule_of_a_type_charges():
    world()
    party("CPTY-B")
    common = {"type": "LEVY", "is_stated": False}
    fee_rule("ALL", rate="1", **common)
    fee_rule("EQUITIES", rate="2", product="EQUITY", **common)
    fee_rule("PARTY", rate="3", counterparty="CPTY-B", **common)
    fee_rule("SOLD", rate="4", side="SELL", product="EQUITY", **common)
    fee_rule("OTHER", rate="9", market="XETR", **common)
    charged = [
        charges(checked(each))["LEVY USD"]
        for each in (deal(ref="A"), deal(ref="B", side="SELL"), deal(ref="C", counterparty="CPTY-B"))
    ]
    assert charged == [Decimal("-3.74"), Decimal("-7.48"), Decimal("-5.61")]


def test_a_later_version_charges_later_deals_and_no_earlier_one():
    world()
    common = {"type": "LEVY", "is_stated": False}
    fee_rule(rate="1", **common)
    fee_rule(rate="2", valid_from=TODAY + timedelta(days=1), **common)
    assert charges(checked(deal(ref="A"))) == {"LEVY USD": Decimal("-1.87")}


def test_a_rule_that_is_switched_off_charges_nothing():
    world()
    common = {"type": "LEVY", "is_stated": False, "rate": "1"}
    fee_rule(**common)
    fee_rule(is_active=False, **common)
    assert charges(checked(deal())) == {}


def test_a_change_reverses_what_holds_no_longer_and_leaves_the_rest():
    world()
    fee_rule("LEVY", type="LEVY", rate="2.5", is_stated=False)
    fee_rule("CLEARING", type="CLEARING", basis="FLAT", rate="1", currency="USD", is_stated=False)
    trade_id = checked(deal())
    amended(trade_id, quantity="50")
    check_everything(now=LATER)
    assert lines(trade_id) == [
        (1, "CLEARING", "-1", False, False),
        (1, "LEVY", "-4.68", False, False),
        (2, "LEVY", "4.68", False, True),
        (2, "LEVY", "-2.34", False, False),
    ]
    assert charges(trade_id) == {"CLEARING USD": Decimal("-1"), "LEVY USD": Decimal("-2.34")}


def test_a_cancellation_reverses_everything_at_once():
    world()
    fee_rule("LEVY", type="LEVY", rate="2.5", is_stated=False)
    trade_id = checked(deal(fees=STATED))
    cancel(trade_id)
    assert charges(trade_id) == {}
    assert [line[4] for line in lines(trade_id)] == [False, False, True, True]


def test_checks_once_more_accrue_nothing_twice():
    world()
    trade_id = checked(deal(counterparty="NOBODY", fees=STATED))
    recheck_trades(trade_ids=[trade_id], reason="again", actor=CLERK, now=LATER)
    check_everything(now=LATER)
    assert lines(trade_id) == [(1, "COMMISSION", "-18.7", True, False)]


def test_a_preview_tells_which_charges_a_change_corrects():
    world()
    trade_id = checked(deal(fees=STATED))
    before = lines(trade_id)
    told = cancel(trade_id, dry_run=True).effects["fees"]
    assert told == [
        {
            "key": f"{public_id(TRADE, trade_id)} COMMISSION USD",
            "before": {"amount": "-18.70", "currency": "USD"},
            "after": None,
        }
    ]
    assert lines(trade_id) == before


def test_the_parts_of_a_block_are_charged_in_its_place():
    world()
    fees = [{"type": "COMMISSION", "amount": "18.71", "currency": "USD"}]
    trade_id = checked(deal(fees=fees))
    items = [{"book": "BOOK-1", "quantity": "33"}, {"counterparty": "CUST-01", "quantity": "67"}]
    change = Change("ALLOCATE", trade_id, "as agreed", items=items)
    change_trade(change=change, actor=CLERK, now=LATER)
    check_everything(now=LATER)
    assert charges(trade_id) == {}
    made = sql.rows("SELECT trade_id FROM trades_state WHERE block_id = %s", [trade_id])
    parts = [charges(each)["COMMISSION USD"] for (each,) in made]
    assert (sum(parts), len(parts)) == (D("-18.71"), 2)


@pytest.mark.parametrize(
    "statement", ["UPDATE settlement_fee_accrual SET amount = 0", "DELETE FROM settlement_fee_accrual"]
)
def test_what_is_accrued_is_never_changed(statement):
    world()
    trade_id = checked(deal(fees=STATED))
    with pytest.raises(DatabaseError, match="change"), transaction.atomic():
        sql.run(statement)
    assert charges(trade_id) == {"COMMISSION USD": Decimal("-18.70")}


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("amend"), st.integers(1, 500)),
        st.tuples(st.just("state"), st.decimals("0.01", "99.99", places=2)),
        st.tuples(st.just("cancel"), st.none()),
    ),
    max_size=6,
)


class TestAnyChanges(TestCase):
    @settings(max_examples=25)
    @given(steps=_steps, rate=st.integers(1, 5000))
    def test_leave_a_deal_charged_as_if_it_had_come_as_it_is(self, steps, rate):
        world()
        fee_rule("LEVY", type="LEVY", rate=str(rate), is_stated=False)
        trade_id, quantity, stated, cancelled = checked(deal()), 100, None, False
        for step, value in steps:
            if step == "amend" and value != quantity:
                quantity = value
                amended(trade_id, quantity=str(value))
            elif step == "state" and value != stated:
                stated = value
                amended(trade_id, fees=[{"type": "COMMISSION", "amount": str(value), "currency": "USD"}])
            elif step == "cancel":
                cancelled = True
                cancel(trade_id)
                break
            check_everything(now=LATER)
        wanted = {"LEVY USD": -(D(187) * quantity * rate / 10000).quantize(D("0.01"), ROUND_HALF_UP)}
        if stated is not None:
            wanted["COMMISSION USD"] = -stated
        assert charges(trade_id) == ({} if cancelled else wanted)
