"""SETTLEMENT_EXPOSURE: a figure for each value date, until the trades have settled."""

import pytest

from tests.support.factories import checked, limit, settle, unit_trade, used, world

pytestmark = pytest.mark.django_db


def test_each_value_date_is_on_its_own_and_what_has_settled_is_gone():
    world()
    limit("L", hard="1000", measure="SETTLEMENT_EXPOSURE")
    first = checked(unit_trade(0, settlement_date="2026-11-25"))
    checked(unit_trade(1, settlement_date="2026-11-25", side="SELL"))
    checked(unit_trade(2, settlement_date="2026-11-26"))
    assert used("L") == {"BROKER-01|2026-11-25": 200, "BROKER-01|2026-11-26": 100}
    settle([first])
    assert used("L") == {"BROKER-01|2026-11-25": 100, "BROKER-01|2026-11-26": 100}
