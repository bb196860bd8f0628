"""SELF_TRADE holds a deal of an entity with itself."""

import pytest

from refdata.models import Book, Party
from tests.support.factories import equity, party, told_of, world

pytestmark = pytest.mark.django_db


def test_a_deal_of_the_books_own_entity_is_found():
    world()
    message = "OURS deals with itself: the book is its own."
    assert told_of(equity(counterparty="OURS")) == {
        "SELF_TRADE": ("BLOCK", "counterparty", "another party than ours", "OURS", message)
    }


def test_a_deal_with_another_of_our_entities_passes():
    world()
    other = party("OURS-2", role=Party.Role.ENTITY)
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=other)
    assert told_of(equity(counterparty="OURS-2")) == {}
    assert told_of(equity(counterparty="OURS", book="BOOK-2")) == {}
