"""The history of sizes: what is usual follows the trades that passed, once each, and forgets slowly."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.models import SizeHistory, SizeMark
from risk.services.sizes import MEMORY, learn_sizes
from tests.support.factories import EURO_SHARE, captured_ids, check_everything, equity, told_of, world
from tests.support.records import CLERK, LATER
from trades.services.change import Change, change_trades

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_learnt():
    SizeHistory.objects.all().delete()
    SizeMark.objects.all().delete()


def _deals(sizes, **changes) -> list[int]:
    """Capture and check purchases of so many euro, one unit each."""
    stated = {"instrument": EURO_SHARE, "currency": "EUR", "quantity": "1", **changes}
    ids = captured_ids(*[equity(**{"price": str(size), **stated}) for size in sizes])
    check_everything()
    return ids


def _known(scope: str = "TRADER") -> tuple[int, Decimal, Decimal]:
    return SizeHistory.objects.values_list("trades", "mean", "spread").get(scope=scope)


def test_the_trader_and_the_book_have_each_a_history():
    world()
    _deals([100, 400])
    assert learn_sizes() == 2
    assert list(SizeHistory.objects.order_by("scope").values_list("scope", "key", "product", "trades")) == [
        ("BOOK", "BOOK-1", "EQUITY", 2), ("TRADER", "jdoe", "EQUITY", 2),
    ]  # fmt: skip
    # The mean of ln 100 and ln 400 is ln 200, each lies ln 2 from it.
    assert _known() == (2, Decimal("5.298317"), Decimal("0.693147"))


def test_each_trade_is_learnt_once():
    world()
    _deals([100, 400])
    assert (learn_sizes(), learn_sizes()) == (2, 0)
    assert _known()[0] == 2


def test_a_trade_that_is_held_is_never_learnt_from():
    world()
    _deals([100, 400])
    _deals([999], book="NOWHERE")
    assert learn_sizes() == 3
    assert _known()[0] == 2


def test_a_block_is_learnt_from_and_its_parts_are_not():
    world()
    (block,) = _deals([400], quantity="2")
    items = [{"quantity": "1", "book": "BOOK-1"}] * 2
    change_trades(changes=[Change("ALLOCATE", block, "as agreed", items=items)], actor=CLERK, at=LATER)
    check_everything(now=LATER)
    assert learn_sizes() == 3
    trades, mean, _ = _known()
    assert (trades, round(mean, 4)) == (1, Decimal("6.6846"))  # ln 800


def test_learning_stops_before_a_trade_that_waits_for_its_checks_and_goes_on_after_them():
    world()
    _deals([100])
    captured_ids(equity(instrument=EURO_SHARE, currency="EUR", quantity="1", price="400"))
    assert learn_sizes() == 1
    check_everything()
    assert learn_sizes() == 1
    trades, mean, _ = _known()
    assert (trades, round(mean, 4)) == (2, Decimal("5.2983"))


def test_an_order_without_a_trader_is_learnt_for_its_book_alone():
    world()
    _deals([100], trader="")
    learn_sizes()
    assert [each.scope for each in SizeHistory.objects.all()] == ["BOOK"]


def test_what_rests_on_many_trades_is_capped_so_that_the_old_fade():
    world()
    SizeHistory.objects.create(
        scope="TRADER", key="jdoe", product="EQUITY", trades=MEMORY, mean=Decimal(5), spread=Decimal(1)
    )
    _deals([100, 400])
    learn_sizes()
    assert _known()[0] == MEMORY


def test_what_was_learnt_is_what_the_check_goes_by():
    world()
    _deals([90 + n for n in range(50)])
    learn_sizes()
    assert told_of(equity(instrument=EURO_SHARE, currency="EUR", quantity="1", price="5000")).keys() == {
        "UNUSUAL_SIZE"
    }


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=12, unique=True), st.integers(1, 12))
def test_the_mean_is_the_same_in_any_steps_and_the_spread_is_that_of_the_larger_half(sizes, step):
    with transaction.atomic():
        world()
        _deals(sizes)
        while learn_sizes(step=step):
            pass
        trades, mean, spread = _known()
        transaction.set_rollback(True)
    logarithms = [math.log(size) for size in sizes]
    expected = math.fsum(logarithms) / len(sizes)
    above = [(each - expected) ** 2 for each in logarithms if each > expected]
    assert trades == len(sizes)
    assert float(mean) == pytest.approx(expected, abs=1e-4)
    if step >= len(sizes):
        assert float(spread) == pytest.approx(math.sqrt(math.fsum(above) / len(above)), abs=1e-3)
    assert 0 <= float(spread) <= max(logarithms) - min(logarithms)
