"""CANCELLED_UNCONFIRMED points out a trader whose deals are cancelled before any counterparty confirms them."""

import pytest

from core.audit import Actor
from tests.support.confirmations import said_of
from tests.support.factories import checked, codes_of, equity, fx, told_of, world
from tests.support.records import NOW
from trades.models import ConfirmationPolicy
from trades.services.change import Change
from trades.services.confirmation import confirm_trades
from trades.services.confirmation_policy import waive_confirmation
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db
CODE = "CANCELLED_UNCONFIRMED"
DESK = Actor("user:desk")


@pytest.fixture(autouse=True)
def _world():
    world()


def demand(product="", party="", *, demanded=True):
    ConfirmationPolicy.objects.create(product=product, party=party, demanded=demanded, changed_at=NOW)


def deal(quantity, **changes):
    return equity(quantity=quantity, executed_at="2026-11-23T10:00:00Z", **changes)


def cancelled(document):
    trade_id = checked(document)
    change_trade(change=Change("CANCEL", trade_id, "called off"), actor=DESK, now=NOW)
    return trade_id


def test_the_deal_after_two_that_were_cancelled_unconfirmed_is_told():
    demand("EQUITY")
    cancelled(deal("1000"))
    cancelled(deal("2000"))
    message = "The trader jdoe cancelled 2 deals in the same on this day before anybody confirmed them."
    assert told_of(deal("3000"))[CODE] == (
        "WARN", "trader jdoe", "fewer than 2 cancelled unconfirmed", "2", message,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"trader": "zoe"}, {"instrument": "DE0007164600"}],
    ids=str,
)
def test_a_deal_of_somebody_else_or_in_something_else_is_not(changes):
    demand()
    cancelled(deal("1000"))
    cancelled(deal("2000"))
    assert CODE not in told_of(deal("3000", **changes))


def test_one_cancellation_corrects_a_slip():
    demand()
    cancelled(deal("1000"))
    assert CODE not in codes_of(checked(deal("3000")))


def test_deals_that_stand_are_not_counted():
    demand()
    cancelled(deal("1000"))
    checked(deal("2000"))
    assert CODE not in codes_of(checked(deal("3000")))


def test_a_deal_that_was_confirmed_or_whose_confirmation_was_waived_is_not_counted():
    demand()
    cancelled(deal("1000"))
    confirmed, waived = checked(deal("2000")), checked(deal("4000"))
    confirm_trades(said=[said_of(confirmed)], actor=DESK, now=NOW)
    waive_confirmation(trade_id=waived, version=1, reason="by telephone", actor=DESK, now=NOW)
    for each in (confirmed, waived):
        change_trade(change=Change("CANCEL", each, "called off"), actor=DESK, now=NOW)
    assert CODE not in told_of(deal("3000"))


def test_nor_is_one_that_need_not_be_confirmed():
    demand()
    demand("EQUITY", "BROKER-01", demanded=False)
    cancelled(deal("1000"))
    cancelled(deal("2000"))
    assert CODE not in told_of(deal("3000"))


def test_an_exchange_is_of_its_pair_of_currencies():
    demand("FX_SPOT")
    demand("FX_FORWARD")
    at = "2026-11-23T10:00:00Z"
    cancelled(fx(executed_at=at))
    cancelled(fx(executed_at=at))
    assert told_of(fx(executed_at=at))[CODE][3] == "2"
