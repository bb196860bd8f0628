"""What closing a lot of a security gains."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger.models import Posting
from tests.ledger.journal_support import balances, journal
from tests.ledger.support import post
from tests.support.factories import captured_ids, equity, world

pytestmark = pytest.mark.django_db


def test_is_what_was_received_beyond_the_cost_of_the_lot_it_names():
    world()
    bought, _ = captured_ids(
        equity(quantity="10", price="100"), equity(side="SELL", quantity="4", price="130")
    )
    post()
    journal()
    assert balances("REALISED_GAIN") == {
        ("INVENTORY", "USD"): Decimal(120),
        ("REALISED_GAIN", "USD"): Decimal(-120),
    }
    assert balances()["INVENTORY", "USD"] == 600
    gain = Posting.objects.get(account="REALISED_GAIN")
    assert (gain.lot_trade_id, gain.price) == (bought, 130)
