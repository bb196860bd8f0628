"""Two sides are matched once and for all, whatever the order in which they came."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.matching import (
    Absolute,
    Cardinality,
    Days,
    Difference,
    Exact,
    Level,
    NearMiss,
    Reason,
    Rules,
    Text,
    match,
)

CENT = Absolute(Decimal("0.01"))
FIELDS = ("id", "ref", "party", "amount", "day", "name")


def side(*rows):
    """Return rows of (id, ref, party, amount, day, name) as columns; what is left out is None."""
    whole = [(*row, *[None] * (len(FIELDS) - len(row))) for row in rows]
    return {field: [row[at] for row in whole] for at, field in enumerate(FIELDS)}


def level(*keys, **more):
    return Level(keys=keys, **more)


def matched(ours, theirs, *levels, near_max=3):
    return match(ours=ours, theirs=theirs, rules=Rules(levels=levels, near_max=near_max))


def test_equal_keys_within_tolerance_make_a_pair_that_tells_its_difference():
    outcome = matched(
        side((1, "A", "P", Decimal("10.00")), (2, "B", "P", Decimal(5))),
        side((7, "B", "P", Decimal(5)), (8, "A", "P", Decimal("10.01"))),
        level("ref", tolerances={"amount": CENT}),
    )
    told = Difference(
        "amount", Decimal("10.00"), Decimal("10.01"), "0.01", Decimal("0.01"), Reason.WITHIN_TOLERANCE
    )
    assert list(outcome.pairs) == [(1, 8, "ref", (told,)), (2, 7, "ref", ())]
    assert (outcome.unmatched_ours, outcome.unmatched_theirs, outcome.groups) == ([], [], ())
    assert str(told) == "amount: ours is 10.00, theirs 10.01; that is within the tolerance (0.01)."


def test_a_later_level_takes_of_what_the_earlier_left():
    outcome = matched(
        side((1, "A", "P", Decimal(10)), (2, None, "P", Decimal(5)), (3, None, "Q", Decimal(5))),
        side((7, "X", "P", Decimal(5)), (8, "A", "P", Decimal(10)), (9, "Y", "R", Decimal(5))),
        level("ref", tolerances={"amount": Exact()}, name="by reference"),
        level("party", tolerances={"amount": CENT}, name="by terms"),
    )
    assert [each[:3] for each in outcome.pairs] == [(1, 8, "by reference"), (2, 7, "by terms")]
    assert (outcome.unmatched_ours, outcome.unmatched_theirs) == ([3], [9])


def test_what_is_compared_tells_differences_but_parts_nobody():
    outcome = matched(
        side((1, "A", "P", Decimal(10), date(2026, 3, 6), "Nordic Bank")),
        side((7, "A", "Q", Decimal(12), date(2026, 3, 9), "NORDIC-BANK")),
        level("ref", compared={"party": Exact(), "amount": CENT, "day": Days(3), "name": Text()}),
    )
    ((ours, theirs, _, differences),) = outcome.pairs
    assert (ours, theirs) == (1, 7)
    assert [(each.field, each.within) for each in differences] == [
        ("party", False), ("amount", False), ("day", True),
    ]  # fmt: skip
    assert str(differences[1]) == "amount: ours is 10, theirs 12; the tolerance is 0.01."


def test_a_value_missing_on_one_side_is_out_of_tolerance_and_on_both_the_same():
    outcome = matched(
        side((1, "A", "P", None), (2, "B", "P", None), (3, "C", "P", Decimal(1))),
        side((7, "A", "P", Decimal(1)), (8, "B", "P", None), (9, "C", "P", None)),
        level("ref", compared={"amount": CENT}),
    )
    assert [[each.reason for each in pair.differences] for pair in outcome.pairs] == [
        [Reason.MISSING_OURS], [], [Reason.MISSING_THEIRS],
    ]  # fmt: skip
    assert str(outcome.pairs.differences[3][0]) == "amount: ours is 1, theirs says nothing."


def test_of_one_key_equals_go_first_then_the_nearest_and_ids_decide():
    outcome = matched(
        side(
            (1, "A", "P", Decimal("10.02")), (2, "A", "P", Decimal("10.00")), (3, "A", "P", Decimal("10.00"))
        ),
        side(
            (7, "A", "P", Decimal("10.01")), (8, "A", "P", Decimal("10.00")), (9, "A", "P", Decimal("10.05"))
        ),
        level("ref", tolerances={"amount": Absolute(Decimal("0.03"))}),
    )
    assert [each[:2] for each in outcome.pairs] == [(1, 7), (2, 8)]
    assert (outcome.unmatched_ours, outcome.unmatched_theirs) == ([3], [9])


def test_a_key_that_comes_very_often_is_matched_by_neighbours_completely():
    many = 300
    outcome = matched(
        side(*[(each, "A", "P", Decimal(each)) for each in range(many)]),
        side(*[(each, "A", "P", Decimal(each) + Decimal("0.01")) for each in reversed(range(many))]),
        level("ref", tolerances={"amount": CENT}),
    )
    assert [each[:2] for each in outcome.pairs] == [(each, each) for each in range(many)]


def test_parts_of_equal_size_are_shared_out_among_many_that_are_alike():
    many = 200
    outcome = matched(
        side(*[(each, "A", "P", Decimal("1.00")) for each in range(many)]),
        side(*[(each, "A", "P", Decimal("1.01")) for each in range(many)]),
        level("ref", tolerances={"amount": CENT}),
    )
    assert len(outcome.pairs) == many


def test_parts_that_add_up_to_one_make_a_group():
    rows = side((1, "A", "P", Decimal(10)), (2, "A", "P", Decimal(7)))
    parts = side((7, "A", "P", Decimal(6)), (8, "A", "P", Decimal(4)), (9, "A", "P", Decimal("7.01")))
    ways = {"tolerances": {"amount": CENT}, "sums": ("amount",)}
    outcome = matched(rows, parts, level("ref", cardinality=Cardinality.ONE_TO_MANY, **ways))
    told = Difference("amount", Decimal(7), Decimal("7.01"), "0.01", Decimal("0.01"), Reason.WITHIN_TOLERANCE)
    assert outcome.groups == (((1,), (7, 8), "ref", ()), ((2,), (9,), "ref", (told,)))
    turned = matched(parts, rows, level("ref", cardinality=Cardinality.MANY_TO_ONE, **ways))
    assert [(each.ours, each.theirs) for each in turned.groups] == [((7, 8), (1,)), ((9,), (2,))]


def test_a_part_must_also_fit_in_what_is_not_summed():
    outcome = matched(
        side((1, "A", "P", Decimal(10))),
        side((7, "A", "P", Decimal(6)), (8, "A", "Q", Decimal(4)), (9, "A", "P", Decimal(4))),
        level("ref", tolerances={"amount": CENT, "party": Exact()}, sums=("amount",),
              cardinality=Cardinality.ONE_TO_MANY),
    )  # fmt: skip
    assert [(each.ours, each.theirs) for each in outcome.groups] == [((1,), (7, 9))]
    assert outcome.unmatched_theirs == [8]


def test_all_of_one_key_are_compared_by_their_sums():
    outcome = matched(
        side((1, "A", "P", Decimal(10)), (2, "A", "P", Decimal(5)), (3, "B", "P", Decimal(1))),
        side((7, "A", "P", Decimal(8)), (8, "A", "P", Decimal(7)), (9, "B", "P", Decimal(2))),
        level("ref", tolerances={"amount": CENT}, sums=("amount",), cardinality=Cardinality.MANY_TO_MANY),
    )
    assert [(each.ours, each.theirs) for each in outcome.groups] == [((1, 2), (7, 8))]
    assert (outcome.unmatched_ours, outcome.unmatched_theirs) == ([3], [9])


def test_near_misses_say_what_keeps_them_away_the_nearest_first():
    outcome = matched(
        side((1, "A", "P", Decimal(10))),
        side(
            (7, "A", "P", Decimal(20)), (8, "A", "P", Decimal(11)), (9, "A", "Q", Decimal(10)), (10, "B", "R")
        ),
        level("ref", "party", tolerances={"amount": CENT}),
    )
    near = outcome.near_ours[1]
    assert [each.id for each in near] == [8, 7, 9]
    assert str(near[0].differences[0]) == "amount: ours is 10, theirs 11; the tolerance is 0.01."
    assert near[2].differences == (Difference("party", "P", "Q", "exactly", None, Reason.KEY_DIFFERS),)
    assert [each.id for each in outcome.near_theirs[9]] == [1]
    assert 10 not in outcome.near_theirs


def test_one_too_many_is_told_with_whom_it_would_have_matched():
    outcome = matched(
        side((1, "A", "P", Decimal(10)), (2, "A", "P", Decimal(10))),
        side((7, "A", "P", Decimal(10))),
        level("ref", "party", tolerances={"amount": CENT}),
    )
    assert [each[:2] for each in outcome.pairs] == [(1, 7)]
    assert outcome.near_ours == {2: (NearMiss(7, (), taken=True),)}


def test_no_near_misses_are_looked_for_where_none_are_wanted():
    outcome = matched(side((1, "A", "P")), side((7, "A", "Q")), level("ref", "party"), near_max=0)
    assert (outcome.near_ours, outcome.near_theirs) == ({}, {})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Level(keys=()), "needs a key"),
        (lambda: level("ref", tolerances={"ref": Exact()}), "one of the three"),
        (lambda: level("ref", tolerances={"amount": CENT}, sums=("amount",)), "none from one to one"),
        (lambda: level("ref", cardinality=Cardinality.ONE_TO_MANY), "one or more"),
        (lambda: level("ref", sums=("amount",), cardinality=Cardinality.ONE_TO_MANY), "needs its tolerance"),
        (lambda: level("ref", tolerances={"amount": CENT, "party": Exact()}, sums=("amount",),
                       cardinality=Cardinality.MANY_TO_MANY), "only sums"),
        (lambda: Rules(levels=()), "At least one level"),
        (lambda: Rules(levels=(level("ref"), level("ref"))), "one name"),
        (lambda: Rules(levels=(level("ref"),), near_max=-1), "near misses"),
        (lambda: matched({"id": [1]}, side(), level("ref")), "lacks columns: ref"),
        (lambda: matched({"id": [1], "ref": []}, side(), level("ref")), "another length: ref"),
        (lambda: matched(side((1, "A"), (1, "B")), side(), level("ref")), "an id twice"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", None]),
        st.sampled_from(["P", "Q"]),
        st.one_of(st.none(), st.integers(0, 6).map(lambda cents: Decimal(cents).scaleb(-2))),
        st.one_of(st.none(), st.integers(1, 9).map(lambda day: date(2026, 3, day))),
        st.sampled_from(["x", "X.", "y"]),
    ),
    max_size=9,
)
LEVELS = st.lists(
    st.sampled_from(
        [
            level("ref", "party", tolerances={"amount": CENT}, compared={"day": Days(2)}, name="1"),
            level("ref", compared={"amount": CENT, "name": Text()}, name="2"),
            level("party", "name", tolerances={"day": Days(3)}, name="3"),
            level("party", name="4"),
            level("ref", tolerances={"amount": CENT, "day": Days(5)}, sums=("amount",),
                  cardinality=Cardinality.ONE_TO_MANY, name="5"),
            level("party", tolerances={"amount": CENT}, sums=("amount",),
                  cardinality=Cardinality.MANY_TO_ONE, name="6"),
            level("party", tolerances={"amount": CENT}, sums=("amount",),
                  cardinality=Cardinality.MANY_TO_MANY, name="7"),
        ]
    ),
    min_size=1, max_size=4, unique_by=lambda each: each.name,
)  # fmt: skip


@given(RECORDS, RECORDS, LEVELS, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_every_order_of_arrival_ends_in_the_same_state(ours, theirs, levels, random):
    here, there = list(enumerate(ours)), [(100 + at, row) for at, row in enumerate(theirs)]
    outcomes = []
    for _ in range(3):
        columns = [side(*[(each, *row) for each, row in rows]) for rows in (here, there)]
        outcome = matched(*columns, *levels)
        outcomes.append((list(outcome.pairs), outcome.groups, outcome.unmatched_ours, outcome.unmatched_theirs,
                         outcome.near_ours, outcome.near_theirs))  # fmt: skip
        random.shuffle(here)
        random.shuffle(there)
    assert outcomes[0] == outcomes[1] == outcomes[2]


@given(RECORDS, RECORDS, LEVELS)
@settings(max_examples=300, deadline=None)
def test_every_record_is_matched_once_or_stays_alone_and_a_match_keeps_its_level(ours, theirs, levels):
    columns = [side(*[(at, *row) for at, row in enumerate(rows)]) for rows in (ours, theirs)]
    outcome = matched(*columns, *levels)
    taken_ours = [*outcome.pairs.ours, *(each for group in outcome.groups for each in group.ours)]
    taken_theirs = [*outcome.pairs.theirs, *(each for group in outcome.groups for each in group.theirs)]
    assert sorted([*taken_ours, *outcome.unmatched_ours]) == list(range(len(ours)))
    assert sorted([*taken_theirs, *outcome.unmatched_theirs]) == list(range(len(theirs)))
    assert outcome.near_ours.keys() <= set(outcome.unmatched_ours)
    named = {each.name: each for each in levels}
    members = [((pair.ours,), (pair.theirs,), pair.level, pair.differences) for pair in outcome.pairs]
    for here, there, name, differences in [*members, *outcome.groups]:
        for key in named[name].keys:
            values = {columns[0][key][row] for row in here} | {columns[1][key][row] for row in there}
            assert len(values) == 1
            assert None not in values
        assert all(each.within for each in differences if each.field in named[name].tolerances)


@given(RECORDS, RECORDS)
@settings(max_examples=200, deadline=None)
def test_nobody_stays_alone_beside_somebody_who_would_have_fitted(ours, theirs):
    columns = [side(*[(at, *row) for at, row in enumerate(rows)]) for rows in (ours, theirs)]
    outcome = matched(*columns, level("party", tolerances={"amount": CENT}))
    for row in outcome.unmatched_ours:
        for other in outcome.unmatched_theirs:
            (_, party, amount, *_), (_, their_party, their_amount, *_) = ours[row], theirs[other]
            near = amount == their_amount or (
                None not in (amount, their_amount) and abs(amount - their_amount) <= Decimal("0.01")
            )
            assert party != their_party or not near
