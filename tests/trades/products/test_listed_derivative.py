"""LISTED_DERIVATIVE: contracts times price times multiplier; an option's premium is paid, of a future only fees."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.audit import system
from refdata.models import Instrument
from tests.support.factories import (
    FUTURE,
    OPTION,
    captured_ids,
    check_everything,
    checked,
    codes_of,
    derivative,
    listed,
    told_of,
    world,
)
from tests.support.legs import legs_of
from tests.support.records import NOW, version_of
from trades.services.recheck import recheck_trades

pytestmark = pytest.mark.django_db
FEES = [{"type": "CLEARING", "amount": "31.25", "currency": "EUR"}]
DAY = date(2026, 11, 25)


def stored(**changes):
    (trade_id,) = captured_ids(derivative(**changes))
    return version_of(trade_id, 1)


def option(**changes):
    return derivative(**{"instrument": OPTION, "price": "84.3", **changes})


def test_a_futures_notional_is_its_size_and_its_fees_are_all_that_is_paid():
    world()
    listed()
    found = stored(fees=FEES)
    assert (found["gross_amount"], found["base_amount"]) == (1_228_125, 1_228_125)
    assert found["net_amount"] == Decimal("31.25")
    assert found["terms"] == {
        "contract": {
            "kind": "FUTURE",
            "multiplier": "10",
            "expiry": "2026-12-18",
            "underlying": "EURO STOXX 50",
        }
    }


@pytest.mark.parametrize(("side", "net"), [("BUY", "21106.25"), ("SELL", "21043.75")])
def test_an_options_premium_is_paid_with_the_fees(side, net):
    world()
    listed(OPTION)
    found = stored(instrument=OPTION, price="84.3", side=side, fees=FEES)
    assert (found["gross_amount"], found["net_amount"]) == (21_075, Decimal(net))
    contract = found["terms"]["contract"]
    assert (contract["kind"], contract["option_type"], contract["strike"]) == ("OPTION", "CALL", "5000")


def test_it_settles_one_business_day_later():
    world()
    listed()
    assert stored(settlement_date=None)["settlement_date"] == date(2026, 11, 24)


@pytest.mark.parametrize(("side", "contracts"), [("BUY", "RECEIVE"), ("SELL", "DELIVER")])
def test_the_fees_of_a_future_are_ours_to_pay_whichever_way_we_deal(side, contracts):
    of = world()
    listed()
    (trade_id,) = captured_ids(derivative(side=side, fees=FEES))
    where = (DAY, of.broker.id, of.book.id)
    assert legs_of(trade_id) == [
        (1, "SECURITY", FUTURE, contracts, Decimal(25), *where, "XEUR"),
        (2, "CASH", "EUR", "DELIVER", Decimal("31.25"), *where, "EUR"),
    ]


def test_a_future_without_fees_obliges_nobody_to_pay():
    world()
    listed()
    (trade_id,) = captured_ids(derivative())
    assert [leg[1] for leg in legs_of(trade_id)] == ["SECURITY"]


@pytest.mark.parametrize(
    ("side", "premium", "net"), [("BUY", "DELIVER", "21106.25"), ("SELL", "RECEIVE", "21043.75")]
)
def test_the_premium_of_an_option_goes_to_who_writes_it(side, premium, net):
    world()
    listed(OPTION)
    (trade_id,) = captured_ids(option(side=side, fees=FEES))
    assert legs_of(trade_id)[1][1:5] == ("CASH", "EUR", premium, Decimal(net))


def test_both_pass_the_checks():
    world()
    listed()
    listed(OPTION)
    for document in (derivative(fees=FEES), derivative(side="SELL"), option(fees=FEES), option(side="SELL")):
        assert told_of(document) == {}


def test_a_premium_that_is_not_the_net_amount_is_found():
    world()
    listed(OPTION)
    assert list(told_of(option(net_amount="0"))) == ["NET_MISMATCH"]
    listed()
    assert list(told_of(derivative(net_amount="1228125"))) == ["NET_MISMATCH"]


@pytest.mark.parametrize(("expiry", "codes"), [("2026-11-23", []), ("2026-11-22", ["INSTRUMENT_EXPIRED"])])
def test_it_is_dealt_until_its_last_day(expiry, codes):
    world()
    listed(expiry=date.fromisoformat(expiry))
    assert codes_of(checked(derivative())) == codes


def test_it_is_valued_anew_when_its_contract_becomes_known():
    world()
    trade_id = checked(option(fees=FEES))
    assert codes_of(trade_id) == ["UNKNOWN_INSTRUMENT"]
    listed(OPTION)
    recheck_trades(trade_ids=[trade_id], reason="known now", actor=system("ops"), now=NOW)
    check_everything()
    assert codes_of(trade_id) == []
    found = version_of(trade_id, 2)
    assert (found["gross_amount"], found["net_amount"]) == (21_075, Decimal("21106.25"))


def test_without_an_expiry_it_is_held_as_incomplete():
    world()
    listed(expiry=None)
    assert codes_of(checked(derivative())) == ["INCOMPLETE_INSTRUMENT"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contracts=st.integers(1, 1_000_000),
    price=st.decimals("0.0001", "99999", places=4),
    side=st.sampled_from(["BUY", "SELL"]),
    code=st.sampled_from([FUTURE, OPTION]),
    fee=st.decimals(0, "500", places=2),
)
def test_its_cash_leg_is_its_net_amount_as_money_flows(contracts, price, side, code, fee):
    if not Instrument.objects.filter(code=OPTION).exists():
        world()
        listed()
        listed(OPTION)
    fees = [{"type": "CLEARING", "amount": str(fee), "currency": "EUR"}]
    trade_id = checked(
        derivative(instrument=code, quantity=str(contracts), price=str(price), side=side, fees=fees)
    )
    assert {"AMOUNT_MISMATCH", "NET_MISMATCH"} & set(codes_of(trade_id)) == set()
    net = version_of(trade_id, 1)["net_amount"]
    paid = sum(leg[4] * (1 if leg[3] == "DELIVER" else -1) for leg in legs_of(trade_id) if leg[1] == "CASH")
    assert paid == (net if side == "BUY" else -net)
