"""NEW_DELIVERY_ADDRESS points out an order for an address that was changed a few days ago."""

from datetime import date, timedelta

import pytest

from core.audit import system
from refdata.services import load_rows
from tests.support.factories import SINCE, equity, goods, ssi, told_of, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


def _finding(day: str) -> dict[str, tuple[str, ...]]:
    actual = f"goods * on {day}"
    message = f"The delivery address of CUST-01 changed: {actual}."
    return {"NEW_DELIVERY_ADDRESS": ("WARN", "CUST-01", "unchanged since 2026-11-13", actual, message)}


@pytest.mark.parametrize(("days", "found"), [(0, True), (10, True), (11, False)])
def test_an_address_that_was_edited_within_ten_days_is_found(days, found):
    world()
    row = {
        "party": "CUST-01",
        "kind": "GOODS",
        "key": "*",
        "delivery_address": "Elsewhere",
        "valid_from": SINCE,
    }
    at = NOW - timedelta(days=days)
    load_rows(kind="ssis", rows=[row], actor=system("tests"), now=at)
    assert told_of(goods()) == (_finding(at.date().isoformat()) if found else {})


def test_an_address_that_follows_another_is_found_and_the_first_one_is_not():
    of = world()
    assert told_of(goods()) == {}
    of.customer.ssis.filter(kind="GOODS").update(valid_to=date(2026, 11, 19))
    ssi(of.customer, "GOODS", "*", valid_from=date(2026, 11, 20), delivery_address="Elsewhere")
    assert told_of(goods(trader="again")).items() >= _finding("2026-11-20").items()


def test_a_share_is_not_delivered_anywhere():
    of = world()
    of.broker.ssis.filter(kind="GOODS").update(valid_to=date(2026, 11, 19))
    ssi(of.broker, "GOODS", "*", valid_from=date(2026, 11, 20), delivery_address="Elsewhere")
    assert told_of(equity()) == {}
