"""A cursor is opaque, comes back as it was given, and is refused when bent."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from core.as_of import HIGHEST
from core.http.cursor import DEFAULT_LIMIT, MAX_LIMIT, decode_cursor, encode_cursor, limit_of, page
from core.http.problem import Problem

KEYS = st.lists(st.integers(-HIGHEST, HIGHEST), min_size=1, max_size=3)


def request(query: str) -> Request:
    return Request(APIRequestFactory().get(f"/x?{query}"))


@given(KEYS)
def test_a_key_comes_back_from_its_cursor(key):
    text = encode_cursor(key)
    assert text.isascii()
    assert not set(text) & set("=+/&? ")
    assert decode_cursor(text, parts=len(key)) == tuple(key)


def test_no_cursor_is_the_beginning():
    assert decode_cursor("", parts=2) is None


@given(st.text(min_size=1, max_size=30))
def test_no_text_crashes_the_reading(text):
    try:
        key = decode_cursor(text, parts=2)
    except Problem as error:
        assert (error.status, error.faults[0].pointer) == (400, "query:cursor")
    else:
        assert len(key) == 2


@pytest.mark.parametrize(
    "inside", [b"[1]", b"[1,2,3]", b'["1","2"]', b"[1.5,2]", b"{}", b"[1,2", b"\xff", b'["\xff",1]']
)
def test_a_cursor_of_something_else_is_refused(inside):
    with pytest.raises(Problem):
        decode_cursor(base64.urlsafe_b64encode(inside).decode().rstrip("="), parts=2)


@pytest.mark.parametrize(("query", "limit"), [("", DEFAULT_LIMIT), ("limit=1", 1), ("limit=1000", MAX_LIMIT)])
def test_a_limit_is_read(query, limit):
    assert limit_of(request(query)) == limit


@pytest.mark.parametrize("value", ["0", "1001", "-1", "1.5", "ten", "", "%00", "1e3", "9" * 5_000])
def test_a_limit_beyond_its_bounds_is_refused(value):
    with pytest.raises(Problem) as caught:
        limit_of(request(f"limit={value}"))
    assert caught.value.faults[0].pointer == "query:limit"


def test_a_page_names_the_cursor_of_the_next_or_null():
    assert page([1], next_key=None) == {"items": [1], "next": None}
    assert page([], next_key=(5, 6)) == {"items": [], "next": encode_cursor([5, 6])}
