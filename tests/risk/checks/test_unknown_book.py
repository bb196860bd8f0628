"""UNKNOWN_BOOK holds a trade for a book that is not in the reference data."""

import pytest

from tests.support.factories import equity, told_of, world

pytestmark = pytest.mark.django_db


def test_a_book_that_is_not_there_is_found():
    world()
    assert told_of(equity(book="EQ-MARS")) == {
        "UNKNOWN_BOOK": ("BLOCK", "book", "", "EQ-MARS", "The book EQ-MARS is not known.")
    }


def test_a_book_that_is_there_is_not():
    world()
    assert told_of(equity(book="BOOK-1")) == {}
