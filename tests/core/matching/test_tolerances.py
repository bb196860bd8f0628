"""A tolerance tells how far two values lie apart, and is the same from both sides."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.matching import Absolute, BusinessDays, Days, Exact, Relative, Similar, Text, normalised, similarity

FRIDAY, MONDAY = date(2026, 3, 6), date(2026, 3, 9)
TOLERANCES = [
    Exact(),
    Absolute(Decimal("0.05")),
    Relative(Decimal("0.01")),
    Days(2),
    BusinessDays(1, lambda day: day.weekday() < 5),
    Text(),
    Similar(Decimal("0.8")),
]


@pytest.mark.parametrize(
    ("tolerance", "ours", "theirs", "within", "distance"),
    [
        (Absolute(Decimal("0.05")), Decimal("100.00"), Decimal("100.05"), True, "0.05"),
        (Absolute(Decimal("0.05")), Decimal("100.00"), Decimal("100.06"), False, "0.06"),
        (Absolute(Decimal(1)), 5, Decimal("6"), True, "1"),
        (Absolute(Decimal(1)), "5", Decimal("6"), False, None),
        (Absolute(Decimal("1e-10")), Decimal("9" * 28), Decimal("9" * 28 + ".0000000002"), False, "2e-10"),
        (Relative(Decimal("0.01")), Decimal(100), Decimal(99), True, "1"),
        (Relative(Decimal("0.01")), Decimal(100), Decimal("98.9"), False, "1.1"),
        (Exact(), Decimal(1), Decimal(2), False, "1"),
        (Exact(), FRIDAY, MONDAY, False, "3"),
        (Exact(), "BUY", "SELL", False, None),
        (Days(2), FRIDAY, MONDAY, False, "3"),
        (Days(3), FRIDAY, MONDAY, True, "3"),
        (Days(3), FRIDAY, "2026-03-06", False, None),
        (BusinessDays(1, lambda day: day.weekday() < 5), FRIDAY, MONDAY, True, "1"),
        (BusinessDays(1, lambda day: day.weekday() < 5), FRIDAY, date(2026, 3, 10), False, "2"),
        (BusinessDays(1, lambda day: day.weekday() < 5), FRIDAY, date(2028, 3, 6), False, "731"),
        (Text(), "Nordic Bank A/S", "NORDIC  BANK AS", True, "0"),
        (Text(), "Nordic", 7, False, None),
        (Similar(Decimal("0.8")), "Nordic Bank", "Nordic Banc", True, None),
        (Similar(Decimal("0.8")), "Nordic Bank", "Island Bank", False, None),
    ],
)  # fmt: skip
def test_a_tolerance_says_whether_and_how_far(tolerance, ours, theirs, within, distance):
    apart = tolerance.apart(ours, theirs)
    assert apart.within is within
    if distance is not None:
        assert apart.distance == Decimal(distance)


@given(
    st.sampled_from(TOLERANCES),
    st.one_of(
        st.tuples(*[st.decimals(-(10**15), 10**15, allow_nan=False, places=4)] * 2),
        st.tuples(st.dates(), st.dates()),
        st.tuples(st.text(), st.text()),
        st.tuples(st.text(), st.dates()),
    ),
)  # fmt: skip
def test_a_tolerance_is_the_same_from_both_sides_and_its_severity_bounded(tolerance, values):
    apart = tolerance.apart(*values)
    assert apart == tolerance.apart(*reversed(values))
    assert 0 <= apart.severity_ppm <= 1_000_000


def test_normalised_text_has_neither_case_nor_accents_nor_spaces_nor_punctuation():
    assert normalised(" Société  Générale, S.A._ ") == "societegeneralesa"
    assert similarity("Society", "society!") == 1
    assert similarity("", "") == 1
    assert similarity("ab", "cd") == 0


def test_a_tolerance_says_itself_in_words():
    assert [str(each) for each in TOLERANCES] == [
        "exactly", "0.05", "1.00 %", "2 days", "1 business days", "the same letters and digits", "80.0 % alike",
    ]  # fmt: skip
