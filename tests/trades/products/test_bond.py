"""BOND: nominal at a clean price in per cent, paid with the interest accrued by settlement."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.audit import system
from refdata.models import Instrument
from tests.support.factories import (
    bond,
    bund,
    capture,
    captured_ids,
    check_everything,
    checked,
    codes_of,
    told_of,
    world,
)
from tests.support.legs import legs_of
from tests.support.records import NOW, version_of
from trades.services.capture import Outcome
from trades.services.recheck import recheck_trades

pytestmark = pytest.mark.django_db
# From 15 August to 25 November 2026 there are 102 days of a period of 365.
ACCRUED = Decimal("4750.68")
FEES = [{"type": "COMMISSION", "amount": "25", "currency": "EUR"}]


def stored(**changes):
    (trade_id,) = captured_ids(bond(**changes))
    return version_of(trade_id, 1)


def test_its_terms_keep_both_prices_and_the_accrued_interest_with_its_days():
    world()
    bund()
    found = stored()
    assert (found["price"], found["quantity"]) == (Decimal("87.46"), 1_000_000)
    assert found["terms"] == {
        "contract": {
            "clean_price": "87.46",
            "dirty_price": "87.9350684932",
            "accrued_amount": "4750.68",
            "accrued_days": 102,
            "day_count": "ACT/ACT.ICMA",
            "coupon_rate": "1.700000",
            "maturity": "2032-08-15",
        }
    }


@pytest.mark.parametrize(("side", "net"), [("BUY", "879375.68"), ("SELL", "879325.68")])
def test_it_costs_its_clean_price_the_accrued_interest_and_the_fees(side, net):
    world()
    bund()
    found = stored(side=side, fees=FEES)
    assert (found["gross_amount"], found["net_amount"]) == (Decimal("879350.68"), Decimal(net))
    assert found["base_amount"] == Decimal("879350.68")


@pytest.mark.parametrize(
    ("day_count", "days", "amount"),
    [("30/360", 100, "4722.22"), ("30E/360", 100, "4722.22"), ("ACT/360", 102, "4816.67"),
     ("ACT/365.FIXED", 102, "4750.68")],
)  # fmt: skip
def test_its_instrument_says_how_days_are_counted(day_count, days, amount):
    world()
    bund(day_count=day_count)
    contract = stored()["terms"]["contract"]
    assert (contract["accrued_days"], contract["accrued_amount"]) == (days, amount)


@pytest.mark.parametrize(("cycle", "day"), [(1, 24), (2, 25), (None, 25)])
def test_it_settles_after_its_instruments_cycle_and_accrues_until_then(cycle, day):
    world()
    bund(settlement_cycle=cycle)
    found = stored(settlement_date=None)
    assert found["settlement_date"] == date(2026, 11, day)
    assert found["terms"]["contract"]["accrued_days"] == 77 + day


def test_its_legs_are_the_nominal_one_way_and_the_dirty_amount_the_other():
    of = world()
    bund()
    (trade_id,) = captured_ids(bond(fees=FEES))
    where = (date(2026, 11, 25), of.broker.id, of.book.id)
    assert legs_of(trade_id) == [
        (1, "SECURITY", "DE0001102606", "RECEIVE", Decimal(1_000_000), *where, "XETR"),
        (2, "CASH", "EUR", "DELIVER", Decimal("879375.68"), *where, "EUR"),
    ]


def test_the_accrued_amount_that_is_sent_is_the_one_that_is_paid():
    world()
    bund()
    found = stored(accrued_amount="4750.69")
    assert found["gross_amount"] == Decimal("879350.69")
    assert found["terms"]["stated_accrued"] == "4750.69"


def test_it_passes_the_checks():
    world()
    bund()
    assert told_of(bond(fees=FEES)) == {}
    assert told_of(bond(accrued_amount="4750.69", trader="x", side="SELL")) == {}


def test_it_is_measured_against_the_close_in_per_cent():
    world()
    bund()
    assert codes_of(checked(bond(price="8.746"))) == []
    Instrument.objects.get(code="DE0001102606").closes.create(
        date=date(2026, 11, 20), price="87.5", currency="EUR"
    )
    assert codes_of(checked(bond(price="8.747"))) == ["OFF_MARKET_PRICE"]


class TestABondWhoseTermsCameLate:
    """Nothing is guessed: the trade is held, and its amounts follow once the instrument tells."""

    def test_is_held_while_the_bond_is_unknown_and_valued_when_it_is_known(self):
        world()
        trade_id = checked(bond(fees=FEES))
        assert codes_of(trade_id) == ["UNKNOWN_INSTRUMENT"]
        assert version_of(trade_id, 1)["net_amount"] == Decimal("874625.00")
        bund()
        recheck_trades(trade_ids=[trade_id], reason="known now", actor=system("ops"), now=NOW)
        check_everything()
        assert codes_of(trade_id) == []
        found = version_of(trade_id, 2)
        assert (found["gross_amount"], found["net_amount"]) == (Decimal("879350.68"), Decimal("879375.68"))
        assert found["base_amount"] == Decimal("879350.68")

    def test_is_held_while_its_coupons_are_unknown(self):
        world()
        nothing = dict.fromkeys(("coupon_rate", "coupon_frequency", "dated_date", "maturity"))
        bund(**nothing, day_count="")
        trade_id = checked(bond())
        assert codes_of(trade_id) == ["INCOMPLETE_INSTRUMENT"]

    def test_keeps_the_amounts_that_were_stated(self):
        world()
        trade_id = checked(bond(gross_amount="879350.70", net_amount="879350.70"))
        bund()
        recheck_trades(trade_ids=[trade_id], reason="known now", actor=system("ops"), now=NOW)
        check_everything()
        assert version_of(trade_id, 2)["gross_amount"] == Decimal("879350.70")
        assert codes_of(trade_id) == ["AMOUNT_MISMATCH"]


def test_sent_again_it_is_the_same_deal_even_when_its_instrument_has_changed():
    world()
    bund()
    document = bond("B-1", accrued_amount="4750.68")
    capture(document)
    Instrument.objects.filter(product_class="BOND").update(coupon_rate="1.8")
    again = {**document, "accrued_amount": "4750.6800"}
    assert capture(again)[0].outcome == Outcome.EXISTING
    (other,) = capture({**document, "accrued_amount": "4750.99"})
    assert (other.outcome, other.differing) == (Outcome.CONFLICT, ["/accrued_amount"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nominal=st.decimals("0.01", "999999999", places=2),
    price=st.decimals("0.001", "250", places=6),
    side=st.sampled_from(["BUY", "SELL"]),
)
def test_what_enrichment_makes_of_any_bond_passes_the_amount_checks(nominal, price, side):
    if not Instrument.objects.exists():
        world()
        bund()
    trade_id = checked(bond(quantity=str(nominal), price=str(price), side=side, fees=FEES))
    assert {"AMOUNT_MISMATCH", "NET_MISMATCH", "ACCRUED_MISMATCH"} & set(codes_of(trade_id)) == set()
