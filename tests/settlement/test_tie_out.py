"""What is accrued ties out against what deals are charged, or the break is named."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from core import sql
from core.ids import TRADE, public_id
from settlement.services.tie_out import Break, tie_out_fees
from settlement.tasks import tie_out_fees as nightly
from tests.support.factories import captured_ids, checked, equity, world
from tests.support.fees import charges, fee_rule, lines
from tests.support.records import CLERK, LATER, events_of
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db
D = Decimal
STATED = [{"type": "COMMISSION", "amount": "18.70", "currency": "USD"}]
LEVY = {"code": "LEVY", "type": "LEVY", "rate": "10", "is_stated": False}


def deal(ref: str = "", **changes):
    return equity(ref, quantity="100", price="187", **changes)


def tie_out(*, correct: bool = False) -> list[Break]:
    return tie_out_fees(correct=correct, now=LATER, actor=CLERK)


def test_what_was_checked_ties_out_and_what_waits_for_its_checks_is_left_to_them():
    world()
    fee_rule(**LEVY)
    one = checked(deal("A", fees=STATED))
    change_trade(change=Change("CANCEL", checked(deal("B")), "off"), actor=CLERK, now=LATER)
    captured_ids(deal("C", fees=STATED))
    counted = []
    assert tie_out_fees(correct=False, now=LATER, actor=CLERK, on_portion=counted.append) == []
    assert counted == [2]
    assert charges(one) == {"COMMISSION USD": D("-18.70"), "LEVY USD": D("-18.70")}


def test_deals_that_came_before_their_rule_are_named_and_charged():
    world()
    trade_id = checked(deal())
    fee_rule(**LEVY)
    expected = [Break(trade_id, "LEVY", "USD", D(0), D("-18.7000"))]
    assert tie_out() == expected
    assert charges(trade_id) == {}
    assert tie_out(correct=True) == expected
    assert charges(trade_id) == {"LEVY USD": D("-18.70")}
    ((data,),) = sql.rows("SELECT data FROM core_event WHERE type = 'trade.fees_corrected'")
    assert sql.json_value(data) == {"type": "LEVY", "currency": "USD", "before": "0.00", "after": "-18.70"}
    assert tie_out() == []


def test_a_line_too_many_is_reversed():
    world()
    trade_id = checked(deal(fees=STATED))
    sql.run(
        "INSERT INTO settlement_fee_accrual (trade_id, version, type, currency, amount, is_stated, accrued_at)"
        " VALUES (%s, 1, 'PHANTOM', 'USD', -5, false, now())",
        [trade_id],
    )
    assert tie_out(correct=True) == [Break(trade_id, "PHANTOM", "USD", D("-5.0000"), D(0))]
    assert charges(trade_id) == {"COMMISSION USD": D("-18.70")}
    assert lines(trade_id)[-1] == (1, "PHANTOM", "5", False, True)


def test_the_command_names_the_breaks_and_changes_nothing_unasked(capsys):
    world()
    trade_id = checked(deal())
    fee_rule(**LEVY)
    with pytest.raises(CommandError, match="1 break found"):
        call_command("tie_out_fees")
    assert capsys.readouterr().out == f"{public_id(TRADE, trade_id)} LEVY: 0.00 USD accrued, -18.70 charged\n"
    assert (charges(trade_id), events_of(trade_id, "trade.fees_corrected")) == ({}, [])
    with pytest.raises(CommandError, match="1 break corrected"):
        call_command("tie_out_fees", "--correct")
    capsys.readouterr()
    call_command("tie_out_fees")
    assert capsys.readouterr().out == "Every charge ties out.\n"


def test_the_night_corrects_what_does_not_tie_out():
    world()
    trade_id = checked(deal())
    fee_rule(**LEVY)
    assert (nightly(), nightly()) == (1, 0)
    assert charges(trade_id) == {"LEVY USD": D("-18.70")}
