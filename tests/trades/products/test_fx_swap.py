"""FX_SWAP: two exchanges of the same currencies, there and back, as one trade with four obligations."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.http.problem import Fault
from refdata.models import FxRate, Holiday
from tests.support.factories import (
    capture,
    captured_ids,
    checked,
    codes_of,
    limit,
    swap,
    told_of,
    used,
    world,
)
from tests.support.legs import legs_of
from tests.support.records import version_of
from trades.products._reading import Unreadable, read_message
from trades.services.capture import Outcome
from trades.services.versions import current_versions, restate

pytestmark = pytest.mark.django_db
NEAR, FAR = date(2026, 11, 25), date(2026, 12, 25)


def stored(**changes):
    (trade_id,) = captured_ids(swap(**changes))
    return version_of(trade_id, 1)


def test_its_columns_hold_the_near_leg_and_its_terms_the_far_one():
    world()
    found = stored()
    assert (found["quantity"], found["currency"], found["price"]) == (1_000_000, "EUR", Decimal("1.085"))
    assert (found["contra_amount"], found["contra_currency"]) == (1_085_000, "USD")
    assert found["settlement_date"] == NEAR
    assert found["terms"] == {
        "far": {
            "settlement_date": "2026-12-25",
            "bought_currency": "USD",
            "bought_amount": "1087500.00",
            "sold_currency": "EUR",
            "sold_amount": "1000000.00",
            "rate": "1.0875",
            "rate_basis": "BOUGHT_PER_SOLD",
        }
    }


def test_its_four_legs_fall_due_on_two_dates():
    of = world()
    (trade_id,) = captured_ids(swap())
    where = (of.broker.id, of.book.id)
    assert legs_of(trade_id) == [
        (1, "CASH", "EUR", "RECEIVE", Decimal(1_000_000), NEAR, *where, "EUR"),
        (2, "CASH", "USD", "DELIVER", Decimal(1_085_000), NEAR, *where, "USD"),
        (3, "CASH", "EUR", "DELIVER", Decimal(1_000_000), FAR, *where, "EUR"),
        (4, "CASH", "USD", "RECEIVE", Decimal(1_087_500), FAR, *where, "USD"),
    ]


def test_the_near_date_that_is_not_sent_is_open_in_both_currencies():
    world()
    Holiday.objects.create(calendar="USD", date=NEAR)
    assert stored(settlement_date=None)["settlement_date"] == date(2026, 11, 26)


def test_limits_count_what_is_received_on_both_dates():
    world()
    limit(hard="10000000")
    checked(swap())
    # A million euro near, 1,087,500 dollars at 0.92 far.
    assert used() == {"BROKER-01": Decimal("2000500.00")}


def test_its_size_is_unknown_without_the_rate_of_either_currency():
    world()
    FxRate.objects.filter(currency="USD").delete()
    assert stored()["base_amount"] is None


def test_it_passes_the_checks():
    world()
    assert told_of(swap()) == {}


def test_a_far_leg_without_instructions_on_its_day_is_found():
    of = world()
    of.broker.ssis.filter(key="USD").update(valid_to=date(2026, 12, 1))
    assert codes_of(checked(swap())) == ["SSI_MISSING"]
    of.broker.ssis.filter(key="USD").update(valid_to=FAR)
    assert codes_of(checked(swap(trader="x", source="FO-FX2", far={"settlement_date": "2026-12-24"}))) == []


def test_a_far_leg_on_a_closed_day_is_found():
    world()
    Holiday.objects.create(calendar="USD", date=FAR)
    told = told_of(swap())
    assert told["NOT_BUSINESS_DAY"][3] == "2026-12-25"
    assert list(told) == ["NOT_BUSINESS_DAY"]


@pytest.mark.parametrize(
    "far",
    [
        {"bought": {"currency": "GBP", "amount": "1"}},
        {
            "bought": {"currency": "EUR", "amount": "1"},
            "sold": {"currency": "USD", "amount": "1"},
        },
    ],
)
def test_a_far_leg_that_does_not_go_back_is_refused(far):
    with pytest.raises(Unreadable) as refused:
        read_message(msgspec.json.encode(swap(far=far)))
    assert refused.value.faults == [
        Fault(
            "/terms",
            "The far leg exchanges the currencies of the near leg the other way round.",
            "joint",
        )
    ]


def test_every_fault_of_the_far_leg_has_its_pointer():
    far = {"settlement_date": "1066-10-14", "rate": "1.12345678901"}
    with pytest.raises(Unreadable) as refused:
        read_message(msgspec.json.encode(swap(far=far)))
    assert [fault.pointer for fault in refused.value.faults] == [
        "/terms/far/settlement_date",
        "/terms/far/rate",
    ]


def test_sent_again_with_other_zeros_it_is_the_same_and_with_another_far_leg_it_is_not():
    world()
    document = swap("W-1")
    capture(document)
    far = document["terms"]["far"]
    same = {**far, "rate": "1.08750", "sold": {"currency": "EUR", "amount": "1000000.0"}}
    other = {**far, "rate": "1.0876"}
    near = document["terms"]["near"]
    (again,) = capture({**document, "terms": {"near": near, "far": same}})
    (conflict,) = capture({**document, "terms": {"near": near, "far": other}})
    assert again.outcome == Outcome.EXISTING
    assert (conflict.outcome, conflict.differing) == (Outcome.CONFLICT, ["/terms/far"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    near=st.decimals("1", "9999999999", places=2),
    far=st.decimals("1", "9999999999", places=2),
    rate=st.decimals("0.0001", "9999", places=4),
)
def test_what_was_stored_says_the_message_again(near, far, rate):
    if not FxRate.objects.exists():
        world()
    document = swap(far={"bought": {"currency": "USD", "amount": str(far)}, "rate": str(rate)})
    document["terms"]["near"]["bought"]["amount"] = str(near)
    (trade_id,) = captured_ids(document)
    (row,) = current_versions(trade_ids=[trade_id])
    assert restate(row).terms == read_message(msgspec.json.encode(document)).terms
