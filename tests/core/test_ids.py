"""Public ids are computed from database ids and back, and a slip of the hand is caught before any look-up."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.ids import BATCH, TRADE, database_id, public_id

NUMBERS = st.integers(1, 2**63 - 1)
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "trd_11"), (31, "trd_Z2"), (32, "trd_103"), (1001, "trd_Z9F"), (1024, "trd_1009"), (1234, "trd_16JG"),
     (2**63 - 1, "trd_7ZZZZZZZZZZZZB")],
)  # fmt: skip
def test_an_id_is_written_in_one_way(number, text):
    assert public_id(TRADE, number) == text
    assert database_id(TRADE, text) == number


@given(NUMBERS)
def test_every_id_comes_back(number):
    assert database_id(TRADE, public_id(TRADE, number)) == number


@given(NUMBERS)
def test_case_and_look_alikes_do_not_matter(number):
    text = public_id(TRADE, number)
    assert database_id(TRADE, text.lower()) == number
    body = text.removeprefix("trd_")
    read_aloud = body[:-1].replace("0", "o").replace("1", "l") + body[-1]
    assert database_id(TRADE, f"TRD_{read_aloud}") == number


@given(NUMBERS, st.data())
def test_a_mistyped_digit_is_caught_unless_it_is_29_away(number, data):
    body = public_id(TRADE, number).removeprefix("trd_")
    at = data.draw(st.integers(0, len(body) - 2))
    other = data.draw(st.sampled_from(DIGITS))
    distance = abs(DIGITS.index(body[at]) - DIGITS.index(other))
    assume(distance != 29)
    expected = number if distance == 0 else None
    assert database_id(TRADE, f"trd_{body[:at]}{other}{body[at + 1 :]}") == expected


@given(st.integers(32, 2**63 - 1), st.data())
def test_two_swapped_digits_are_caught_unless_they_are_29_apart(number, data):
    body = public_id(TRADE, number).removeprefix("trd_")
    at = data.draw(st.integers(0, len(body) - 3))
    first, second = body[at], body[at + 1]
    assume(abs(DIGITS.index(first) - DIGITS.index(second)) not in {0, 29})
    assert database_id(TRADE, f"trd_{body[:at]}{second}{first}{body[at + 2 :]}") is None


@pytest.mark.parametrize(
    "text",
    ["", "trd", "trd_", "trd_1", "trd_00", "trd_U1", "trd_1 1", "trd_-11", "bat_11", "trd-11", "trd__11", "trd_11 ",
     "trd_" + "Z" * 15, "trd_8000000000000G", "trd_١1", "trd_1\0", "_11", "trd_11_11"],
)  # fmt: skip
def test_what_is_no_id_is_none(text):
    assert database_id(TRADE, text) is None


@given(st.text(max_size=20))
def test_no_text_crashes_the_reading(text):
    assert database_id(TRADE, text) is None
    assert database_id(TRADE, f"trd_{text}") is None or database_id(TRADE, f"trd_{text}") > 0


def test_an_id_of_one_kind_is_none_of_another():
    assert database_id(BATCH, public_id(TRADE, 1234)) is None
