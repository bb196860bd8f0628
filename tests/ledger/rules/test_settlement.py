"""What is paid becomes cash."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.ledger.journal_support import balances, journal
from tests.ledger.support import post
from tests.support.factories import checked, equity, settle, world

pytestmark = pytest.mark.django_db


def test_takes_what_was_owed_out_of_cash():
    world()
    settle([checked(equity())])
    post()
    journal()
    assert balances("SETTLEMENT") == {("PAYABLE", "USD"): Decimal(18725), ("CASH", "USD"): Decimal(-18725)}
    assert balances() == {("INVENTORY", "USD"): Decimal(18725), ("CASH", "USD"): Decimal(-18725)}
