"""Lots: the published examples to the cent, and what holds for every history."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.lots import NO_TIME, Fill, Kind, Lots, Method, Place, Rank, Redemption, Split, Terms, play

DAY = date(2026, 11, 2)
FIFO, LIFO, AVERAGE = (Terms(method=each) for each in Method)


def place(n: int, rank: Rank = Rank.TRADE) -> Place:
    return Place(DAY + timedelta(days=n), rank, NO_TIME, n, 1)


def fill(n: int, quantity: str, price: str, fees: str = "0") -> Fill:
    held = Decimal(quantity)
    return Fill(place(n), 1, held, abs(held) * Decimal(price), Decimal(fees))


def played(terms: Terms, *steps) -> tuple[Lots, list]:
    lots = Lots("USD")
    return lots, play(lots, steps, lambda day: terms)


def taken(moved) -> list[tuple[int, Decimal, Decimal]]:
    """Return which lot each closing used up, how much of it, and at which unit cost."""
    return [
        (each.opened.source_id, -each.quantity, each.cost / each.quantity)
        for each in moved
        if each.kind == Kind.CLOSE
    ]


THREE = (fill(1, "4", "100.00"), fill(2, "5", "111.11"), fill(3, "6", "122.22"))


def test_fifo_takes_the_oldest_lots_first():
    lots, moved = played(FIFO, *THREE, fill(4, "-7", "130"))
    assert taken(moved) == [(1, 4, Decimal("100.00")), (2, 3, Decimal("111.11"))]
    assert [(lot.quantity, lot.cost) for lot in lots.open] == [
        (2, Decimal("222.22")), (6, Decimal("733.32")),
    ]  # fmt: skip
    assert sum(each.gain for each in moved) == 7 * 130 - Decimal("733.33")


def test_lifo_takes_the_youngest_lots_first():
    _, moved = played(LIFO, *THREE, fill(4, "-7", "130"))
    assert taken(moved) == [(3, 6, Decimal("122.22")), (2, 1, Decimal("111.11"))]


def test_selling_more_than_is_held_opens_a_short():
    lots, moved = played(FIFO, *THREE, fill(4, "-16", "130"))
    assert taken(moved) == [(1, 4, 100), (2, 5, Decimal("111.11")), (3, 6, Decimal("122.22"))]
    assert [(lot.opened.source_id, lot.quantity, lot.cost) for lot in lots.open] == [(4, -1, -130)]


def test_selling_more_than_is_held_is_refused_where_the_book_says_so():
    lots, moved = played(Terms(opens_short=False), *THREE, fill(4, "-16", "130"))
    assert [(each.kind, each.quantity) for each in moved[3:]] == [(Kind.REFUSED, -16)]
    assert (lots.held, lots.refused) == (15, -16)


def test_what_is_held_is_sold_where_the_book_refuses_shorts():
    lots, moved = played(Terms(opens_short=False), *THREE, fill(4, "-15", "130"))
    assert (lots.open, lots.refused) == ([], 0)
    assert len(taken(moved)) == 3


def test_a_purchase_after_a_short_closes_it():
    lots, moved = played(FIFO, fill(1, "-10", "50"), fill(2, "15", "48"))
    assert taken(moved) == [(1, -10, 50)]
    assert [each.gain for each in moved] == [0, 20, 0]
    assert [(lot.quantity, lot.cost) for lot in lots.open] == [(5, 240)]


@pytest.mark.parametrize(
    ("bought", "average", "sold", "gain"),
    [
        ((("100", "56"), ("100", "60")), "58.00", ("-50", "61"), "150"),
        ((("2", "150"), ("1", "180")), "160.00", ("-1", "160"), "0"),
    ],
)
def test_the_average_is_what_all_that_is_held_cost(bought, average, sold, gain):
    purchases = [fill(n, *each) for n, each in enumerate(bought, start=1)]
    lots, _ = played(AVERAGE, *purchases)
    assert [lot.cost / lot.quantity for lot in lots.open] == [Decimal(average)]
    _, moved = played(AVERAGE, *purchases, fill(9, *sold))
    assert [each.gain for each in moved if each.kind == Kind.CLOSE] == [Decimal(gain)]


def test_an_average_pools_the_lots_that_another_method_left_apart():
    lots = Lots("USD")
    play(lots, THREE, lambda day: FIFO)
    moved = play(lots, [fill(4, "-5", "120")], lambda day: AVERAGE)
    assert [each.kind for each in moved] == [Kind.POOL, Kind.POOL, Kind.POOL, Kind.CLOSE]
    assert [(lot.opened.source_id, lot.quantity) for lot in lots.open] == [(1, 10)]
    # 15 cost 1,688.87, of which 5 are a third, to the cent.
    assert (moved[-1].cost, moved[-1].gain) == (Decimal("-562.96"), Decimal("37.04"))


def test_fees_count_where_the_book_says_so():
    _, moved = played(Terms(with_fees=True), fill(1, "10", "5", "2"), fill(2, "-10", "6", "3"))
    assert [each.gain for each in moved] == [0, 60 - 3 - 52]
    _, moved = played(FIFO, fill(1, "10", "5", "2"), fill(2, "-10", "6", "3"))
    assert [each.gain for each in moved] == [0, 10]


def test_a_split_changes_quantities_and_leaves_costs():
    lots, moved = played(FIFO, *THREE, Split(place(4, Rank.ACTION), 1, Decimal(3), Decimal(1)))
    assert [(lot.quantity, lot.cost) for lot in lots.open] == [
        (12, Decimal("400.00")), (15, Decimal("555.55")), (18, Decimal("733.32")),
    ]  # fmt: skip
    assert [each.quantity for each in moved[3:]] == [8, 10, 12]


def test_a_reverse_split_loses_no_fraction():
    lots, _ = played(FIFO, *THREE, Split(place(4, Rank.ACTION), 1, Decimal(1), Decimal(7)))
    assert lots.held == Decimal("2.1428571429")


def test_a_redemption_closes_every_lot():
    lots, moved = played(FIFO, *THREE, Redemption(place(4, Rank.ACTION), 1, Decimal(110)))
    assert lots.open == []
    assert sum(each.value for each in moved[3:]) == -1650
    assert sum(each.gain for each in moved) == 1650 - Decimal("1688.87")


_numbers = st.integers(-400, 400).filter(bool)
_steps = st.lists(
    st.tuples(
        st.sampled_from(["FILL"] * 6 + ["SPLIT", "REDEEM"]),
        _numbers,
        st.integers(1, 99999),
        st.integers(0, 500),
    ),
    max_size=25,
)
_terms = st.builds(Terms, st.sampled_from(Method), st.booleans(), st.booleans())


def _history(drawn) -> list:
    steps = []
    for n, (kind, number, cents, fees) in enumerate(drawn):
        if kind == "FILL":
            amount = abs(number) * Decimal(cents) / 100
            steps.append(Fill(place(n), 1, Decimal(number) / 10, amount, Decimal(fees) / 100))
        elif kind == "SPLIT":
            steps.append(
                Split(place(n, Rank.ACTION), 1, Decimal(abs(number) % 7 + 1), Decimal(cents % 5 + 1))
            )
        else:
            steps.append(Redemption(place(n, Rank.ACTION), 1, Decimal(cents) / 100))
    return steps


def _after(quantity: Decimal, step) -> Decimal:
    if isinstance(step, Fill):
        return quantity + step.quantity
    if isinstance(step, Split):
        return (quantity * step.new / step.old).quantize(Decimal("1e-10"))
    return Decimal(0)


@given(drawn=_steps, first=_terms, second=_terms, turn=st.integers(0, 25))
def test_nothing_is_lost_whatever_happens(drawn, first, second, turn):
    steps = _history(drawn)
    lots = Lots("USD")
    moved = play(lots, steps, lambda day: first if day < DAY + timedelta(days=turn) else second)
    expected = Decimal(0)
    for step in steps:
        expected = _after(expected, step)
    assert lots.held + lots.refused == expected == sum(each.quantity for each in moved)
    # What came in is what went out and what is left.
    assert sum(each.cost for each in moved) == sum(lot.cost for lot in lots.open)
    assert sum(each.value for each in moved) == sum(lot.cost for lot in lots.open) - sum(
        each.gain for each in moved
    )
    assert len({lot.quantity > 0 for lot in lots.open}) <= 1


@given(drawn=_steps, terms=_terms, cut=st.integers(0, 25))
def test_going_on_from_a_place_is_playing_it_all(drawn, terms, cut):
    steps = _history(drawn)
    whole, parts = Lots("USD"), Lots("USD")
    moved = play(whole, steps, lambda day: terms)
    assert play(parts, steps[:cut], lambda day: terms) + play(parts, steps[cut:], lambda day: terms) == moved
    assert parts == whole


def test_places_are_in_the_order_of_day_action_moment_and_trade():
    early, late = datetime(2026, 11, 2, 9, tzinfo=UTC), datetime(2026, 11, 2, 10, tzinfo=UTC)
    ordered = [
        Place(DAY, Rank.ACTION, NO_TIME, 99, 0),
        Place(DAY, Rank.TRADE, NO_TIME, 7, 1),
        Place(DAY, Rank.TRADE, early, 9, 1),
        Place(DAY, Rank.TRADE, late, 3, 1),
        Place(DAY, Rank.TRADE, late, 3, 2),
        Place(DAY + timedelta(days=1), Rank.ACTION, NO_TIME, 1, 0),
    ]
    assert sorted({*ordered}) == ordered
