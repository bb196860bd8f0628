"""INACTIVE_REFERENCE holds what is dealt in an instrument, or for a book, that is no longer used."""

import pytest

from refdata.models import Book, Instrument
from tests.support.factories import APPLE, equity, fx, told_of, world

pytestmark = pytest.mark.django_db


def _finding(subject: str, actual: str) -> dict[str, tuple[str, ...]]:
    message = f"The {subject} {actual} is marked as inactive."
    return {"INACTIVE_REFERENCE": ("BLOCK", subject, "active", actual, message)}


def test_an_inactive_instrument_is_found():
    world()
    Instrument.objects.filter(code=APPLE).update(active=False)
    assert told_of(equity()) == _finding("instrument", APPLE)
    assert told_of(fx()) == {}


def test_an_inactive_book_is_found_whatever_is_dealt():
    world()
    Book.objects.update(active=False)
    assert told_of(fx()) == _finding("book", "BOOK-1")
    assert told_of(equity()) == _finding("book", "BOOK-1")
