"""FX_FORWARD: two currencies change hands on the day that was agreed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.support.factories import captured_ids, fx, world
from tests.support.legs import legs_of
from tests.support.records import version_of

pytestmark = pytest.mark.django_db
DAY = date(2027, 2, 25)


def test_it_settles_on_the_agreed_day_and_is_as_big_as_a_spot_deal():
    world()
    forward, spot = captured_ids(fx(product="FX_FORWARD", settlement_date=DAY.isoformat()), fx())
    told, beside = version_of(forward, 1), version_of(spot, 1)
    assert (told["product"], told["settlement_date"]) == ("FX_FORWARD", DAY)
    same = (
        "side",
        "quantity",
        "price",
        "currency",
        "gross_amount",
        "net_amount",
        "contra_amount",
        "base_amount",
    )
    assert [told[name] for name in same] == [beside[name] for name in same]
    assert told["duplicate_key"] != beside["duplicate_key"]


def test_its_legs_fall_due_on_the_agreed_day():
    of = world()
    (trade_id,) = captured_ids(fx(product="FX_FORWARD", settlement_date=DAY.isoformat()))
    assert legs_of(trade_id) == [
        (1, "CASH", "EUR", "RECEIVE", Decimal(1_000_000), DAY, of.broker.id, of.book.id, "EUR"),
        (2, "CASH", "USD", "DELIVER", Decimal(1_085_000), DAY, of.broker.id, of.book.id, "USD"),
    ]
