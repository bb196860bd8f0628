"""What of a deal is in its lots otherwise than it was dealt."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.ledger.journal_support import balances, journal
from tests.ledger.support import post
from tests.ledger.test_positions import policy
from tests.support.factories import captured_ids, equity, world

pytestmark = pytest.mark.django_db


def test_counts_fees_into_lots_where_the_book_does():
    world()
    policy(with_fees=True)
    captured_ids(equity(fees=[{"type": "COMMISSION", "amount": "10", "currency": "USD"}]))
    post()
    journal()
    assert balances() == {("INVENTORY", "USD"): Decimal(18735), ("PAYABLE", "USD"): Decimal(-18735)}


def test_keeps_what_a_book_refuses_in_suspense():
    world()
    policy(opens_short=False)
    captured_ids(equity(side="SELL"))
    post()
    journal()
    assert balances() == {("RECEIVABLE", "USD"): Decimal(18725), ("SUSPENSE", "USD"): Decimal(-18725)}
