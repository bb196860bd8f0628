"""What fails cost: the rest that has not settled, at the price and rate of each business day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.money import round_money
from refdata.models import Holiday
from settlement import tasks
from settlement.penalties import open_costs
from settlement.services.penalise import PRICE_DAYS_MAX, accrue_penalties
from tests.support import factories
from tests.support.factories import World, close
from tests.support.fails import VALUE, costs, evening, penalty_rate, sealed, told

pytestmark = pytest.mark.django_db
THURSDAY, FRIDAY = VALUE + timedelta(days=1), VALUE + timedelta(days=2)
MONDAY = VALUE + timedelta(days=5)


@pytest.fixture
def world(db: None) -> World:
    """Store the reference data of the factories' documents."""
    return factories.world()


def accrue(on: date) -> int:
    return accrue_penalties(now=evening(on))


def test_each_business_day_that_ended_costs_the_quantity_at_its_close_and_rate(world: World):
    penalty_rate("1.0")
    _, securities, _ = sealed()
    told(securities, "FAILED", VALUE, reason="CLAC")
    close(world.apple, "200.00", on=FRIDAY)

    assert accrue(VALUE) == 0  # the day has not ended
    assert accrue(MONDAY) == 3

    assert costs(securities) == [
        (VALUE, "1.87", "COUNTERPARTY"),
        (THURSDAY, "1.87", "COUNTERPARTY"),
        (FRIDAY, "2.00", "COUNTERPARTY"),
    ]
    assert open_costs() == [{"currency": "USD", "received": Decimal("5.74"), "paid": Decimal(0)}]


def test_what_was_told_stays_when_it_is_told_again_and_missed_days_are_made_good(world: World):
    penalty_rate("1.0")
    _, securities, _ = sealed()
    told(securities, "FAILED", VALUE)

    assert [accrue(THURSDAY), accrue(THURSDAY), accrue(MONDAY), accrue(MONDAY)] == [1, 0, 2, 0]


def test_holidays_of_the_market_cost_nothing(world: World):
    penalty_rate("1.0")
    Holiday.objects.create(calendar="XNAS", date=THURSDAY)
    _, securities, _ = sealed()
    told(securities, "FAILED", VALUE)
    accrue(MONDAY)

    assert [day for day, *_ in costs(securities)] == [VALUE, FRIDAY]


def test_a_missing_rate_or_price_is_named_and_made_good_when_it_comes(world: World):
    _, securities, _ = sealed()
    sql.run("UPDATE refdata_close_price SET date = %s", [VALUE - timedelta(days=PRICE_DAYS_MAX + 1)])
    told(securities, "FAILED", VALUE, reason="LACK")
    accrue(THURSDAY)
    assert costs(securities) == [(VALUE, None, "NO_RATE")]

    penalty_rate("1.0")
    assert accrue(THURSDAY) == 2
    assert costs(securities) == [(VALUE, None, "NO_PRICE")]

    close(world.apple, "100.00", on=VALUE)
    assert accrue(THURSDAY) == 2
    assert costs(securities) == [(VALUE, "-1.00", "US")]
    assert open_costs() == [{"currency": "USD", "received": Decimal(0), "paid": Decimal("1.00")}]


def test_the_rate_that_names_most_holds_on_its_days(world: World):
    world.apple.liquidity_class = "HIGH"
    world.apple.save()
    penalty_rate("1.0", liquidity="HIGH", valid_to=VALUE.isoformat())
    penalty_rate("5.0")
    _, securities, _ = sealed()
    told(securities, "FAILED", VALUE)
    accrue(FRIDAY)

    assert [amount for _, amount, _ in costs(securities)] == ["1.87", "9.35"]


def test_a_changed_rate_reverses_what_was_told_and_tells_it_anew(world: World):
    penalty_rate("1.0")
    _, securities, _ = sealed()
    told(securities, "FAILED", VALUE)
    accrue(THURSDAY)
    penalty_rate("2.0")

    assert accrue(THURSDAY) == 2
    assert sql.rows(
        "SELECT number, trim_scale(amount)::text, reverses IS NOT NULL FROM settlement_penalty ORDER BY id"
    ) == [
        (1, "1.87", False),
        (1, "-1.87", True),
        (2, "3.74", False),
    ]
    assert accrue(THURSDAY) == 0


def test_money_costs_the_rate_of_its_currency(world: World):
    penalty_rate("1.0", asset_class="CASH")
    penalty_rate("2.0", asset_class="CASH", currency="USD")
    _, _, cash = sealed()
    told(cash, "FAILED", VALUE, reason="MONY")
    accrue(THURSDAY)

    assert costs(cash) == [(VALUE, "-3.75", "US")]  # 18,725.00 at 2 basis points


def test_without_a_telling_reason_who_delivers_pays(world: World):
    penalty_rate("1.0")
    _, securities, _ = sealed(side="SELL")
    told(securities, "FAILED", VALUE)
    accrue(THURSDAY)

    assert costs(securities) == [(VALUE, "-1.87", "US")]


def test_who_pays_follows_the_reasons_from_the_day_on_which_they_are_told(world: World):
    penalty_rate("1.0")
    _, securities, _ = sealed()
    told(securities, "FAILED", THURSDAY, reason="CLAC")  # the first one told is of the day before as well
    told(securities, "FAILED", FRIDAY, reason="LACK")
    accrue(MONDAY)

    assert [payer for *_, payer in costs(securities)] == ["COUNTERPARTY", "COUNTERPARTY", "US"]


def test_of_delivery_versus_payment_only_the_delivery_is_charged(world: World):
    penalty_rate("1.0")
    penalty_rate("1.0", asset_class="CASH")
    factories.settle_gross()
    _, securities, cash = sealed()
    assert sql.rows("SELECT linked_id FROM settlement_instruction WHERE id = %s", [cash]) == [(securities,)]
    told(cash, "FAILED", VALUE)
    accrue(THURSDAY)
    assert len(costs(cash)) == 1

    told(securities, "FAILED", THURSDAY)
    accrue(THURSDAY)
    assert (costs(cash), len(costs(securities))) == ([], 1)


@pytest.mark.parametrize(
    "statement", ["UPDATE settlement_penalty SET amount = 0", "DELETE FROM settlement_penalty"]
)
def test_what_was_told_is_never_changed(world: World, statement: str):
    penalty_rate("1.0")
    _, securities, _ = sealed()
    told(securities, "FAILED", VALUE)
    accrue(THURSDAY)
    with pytest.raises(DatabaseError, match="settlement_penalty is refused"), transaction.atomic():
        sql.run(statement)


def test_the_nightly_task_tells_them(world: World):
    penalty_rate("1.0")
    _, securities, _ = sealed()
    told(securities, "FAILED", VALUE)
    with time_machine.travel(evening(THURSDAY), tick=False):
        assert tasks.accrue_penalties() == 1
    assert costs(securities) == [(VALUE, "1.87", "COUNTERPARTY")]


_days = st.integers(0, 9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    partials=st.lists(st.tuples(_days, st.integers(1, 99)), max_size=4),
    settles=st.none() | _days,
    runs=st.lists(st.integers(0, 12), max_size=4),
)
def test_the_sum_is_what_remains_times_price_times_rate_however_often_and_late_it_is_told(
    world: World, partials: list[tuple[int, int]], settles: int | None, runs: list[int]
):
    with transaction.atomic():
        penalty_rate("1.5")
        _, securities, _ = sealed()
        told(securities, "FAILED", VALUE)
        steps = sorted(
            [
                *((day, str(quantity)) for day, quantity in partials),
                *([(settles, "")] if settles is not None else []),
            ]
        )
        at = 0
        for run in [*sorted(runs), 12]:
            while at < len(steps) and steps[at][0] < run:
                day, quantity = steps[at]
                kind = "PARTIAL" if quantity else "SETTLED"
                told(securities, kind, VALUE + timedelta(days=day), quantity=quantity)
                at += 1
            accrue(VALUE + timedelta(days=run))
        expected = {}
        for day in range(12):
            done = max([0, *(int(quantity or 100) for on, quantity in steps if on <= day)])
            on = VALUE + timedelta(days=day)
            if done < 100 and on.weekday() < 5:
                cost = (100 - done) * Decimal(187) * Decimal("1.5") / 10_000
                expected[on] = f"{round_money(cost, 'USD'):.2f}"
        assert {day: amount for day, amount, _ in costs(securities)} == expected
        sums = "SELECT coalesce(sum(amount), 0) FROM settlement_penalty"
        assert sql.rows(sums) == [(sum(map(Decimal, expected.values())),)]
        transaction.set_rollback(True)
