"""What follows from a repair of a bond, a swap or an order for services: no more and no less than rests on it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from core.http.problem import Problem
from tests.support.factories import (
    bond,
    bund,
    check_everything,
    checked,
    codes_of,
    service,
    swap,
    world,
)
from tests.support.records import CLERK, LATER, version_of
from trades.services.repair import repair_fields, repair_trade

pytestmark = pytest.mark.django_db


def repaired(trade_id: int, **changes: str) -> dict[str, Any]:
    """Repair a held trade, let it be checked, and return its second version."""
    names = {name.replace("__", "."): value for name, value in changes.items()}
    repair_trade(trade_id=trade_id, version=1, changes=names, reason="typo", actor=CLERK, now=LATER)
    check_everything(now=LATER)
    return version_of(trade_id, 2)


def test_the_accrued_amount_that_was_wrong_is_corrected_and_the_amounts_follow():
    world()
    bund()
    trade_id = checked(bond(accrued_amount="4722.22"))
    found = repaired(trade_id, accrued_amount="4750.68")
    assert (found["gross_amount"], found["net_amount"]) == (Decimal("879350.68"), Decimal("879350.68"))
    assert codes_of(trade_id) == []


def test_a_bond_that_settles_on_another_day_accrues_until_then():
    world()
    bund()
    trade_id = checked(bond(settlement_date="2026-11-20", accrued_amount="4517.81"))
    assert codes_of(trade_id) == ["SETTLES_BEFORE_TRADE"]
    found = repaired(trade_id, settlement_date="2026-11-25")
    assert found["terms"]["contract"]["accrued_days"] == 102
    assert "stated_accrued" not in found["terms"]
    assert found["net_amount"] == Decimal("879350.68")
    assert codes_of(trade_id) == []


def test_what_has_nothing_to_do_with_the_price_leaves_the_stated_accrued_amount():
    world()
    bund()
    trade_id = checked(bond(accrued_amount="4750.69", counterparty="NOBODY"))
    found = repaired(trade_id, counterparty="BROKER-01")
    assert found["terms"]["stated_accrued"] == "4750.69"
    assert found["gross_amount"] == Decimal("879350.69")
    assert codes_of(trade_id) == []


def test_the_far_leg_of_a_swap_is_corrected_apart_from_the_near_one():
    world()
    trade_id = checked(swap(far={"rate": "1.25", "settlement_date": "2026-11-24"}))
    assert codes_of(trade_id) == ["FAR_LEG_MISMATCH", "FAR_NOT_AFTER_NEAR"]
    found = repaired(trade_id, terms__far__rate="1.0875", terms__far__settlement_date="2026-12-23")
    assert (found["terms"]["far"]["rate"], found["price"]) == ("1.0875", Decimal("1.085"))
    assert found["base_amount"] == version_of(trade_id, 1)["base_amount"]
    assert codes_of(trade_id) == []


def test_a_milestone_moves_the_day_on_which_its_line_is_due():
    world()
    trade_id = checked(
        service(lines=[{"sku": "SKU-1", "quantity": "1", "unit_price": "9", "milestone": "2026-12-05"}])
    )
    assert codes_of(trade_id) == ["NOT_BUSINESS_DAY"]
    found = repaired(trade_id, lines__0__milestone="2026-12-07")
    assert found["settlement_date"] == date(2026, 12, 7)
    assert found["terms"]["lines"][0]["due_date"] == "2026-12-07"
    assert codes_of(trade_id) == []


def test_a_swap_whose_legs_would_not_go_back_is_not_stored():
    world()
    trade_id = checked(swap(far={"rate": "1.25"}))
    with pytest.raises(Problem) as refused:
        repaired(trade_id, terms__far__sold__currency="GBP")
    assert (refused.value.status, [fault.pointer for fault in refused.value.faults]) == (422, ["/changes"])


def test_a_form_names_the_fields_of_both_legs():
    world()
    labels = {each.name: each.label for each in repair_fields(trade_id=checked(swap()))}
    assert labels["terms.near.rate"] == "Near leg: rate"
    assert labels["terms.far.settlement_date"] == "Far leg: settlement date"
