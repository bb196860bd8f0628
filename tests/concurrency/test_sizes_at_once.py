"""Learners of sizes that run at once take each trade once between them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connections

from risk.models import SizeHistory
from risk.services.sizes import learn_sizes
from tests.support.factories import captured_ids, check_everything, exact_trade, world

pytestmark = pytest.mark.django_db(transaction=True)
TRADES, LEARNERS = 60, 4


def test_four_learners_come_to_what_one_comes_to():
    world()
    captured_ids(*[exact_trade(n) for n in range(TRADES)])
    check_everything()
    barrier = threading.Barrier(LEARNERS)

    def learn() -> int:
        try:
            barrier.wait(30)
            return sum(iter(lambda: learn_sizes(step=7), 0))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(LEARNERS) as pool:
        learnt = [each.result() for each in [pool.submit(learn) for _ in range(LEARNERS)]]

    assert sum(learnt) == TRADES
    trades, mean = SizeHistory.objects.filter(scope="TRADER").values_list("trades", "mean").get()
    assert trades == TRADES
    # The sizes are 1 to 60 euro: the mean of their logarithms is ln(60!) / 60.
    assert round(mean, 3) == Decimal("3.144")
