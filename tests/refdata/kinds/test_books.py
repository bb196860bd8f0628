"""Books."""

from __future__ import annotations

import pytest

from refdata.models import Book
from tests.refdata.conftest import LEI, events, faults, load, outcomes

pytestmark = pytest.mark.django_db


class TestBooks:
    def test_belong_to_an_entity_named_by_its_code_or_lei(self, party) -> None:
        assert outcomes(load("books", {"code": "EQ", "desk": "E", "entity": "CP"})) == ["created"]
        assert outcomes(load("books", {"code": "EQ", "desk": "E", "entity": LEI})) == ["unchanged"]
        assert Book.objects.get().entity.code == "CP"

    def test_move_to_another_entity(self, party) -> None:
        load("books", {"code": "EQ", "desk": "E", "entity": "CP"})

        assert outcomes(load("books", {"code": "EQ", "desk": "E", "entity": "ENT"})) == ["changed"]
        assert Book.objects.get().entity.code == "ENT"
        assert events()[-1][1]["before"] == {"entity": "CP"}

    def test_of_nobody_are_refused(self) -> None:
        report = load("books", {"code": "EQ", "desk": "E", "entity": "NOBODY"})

        assert faults(report) == [(1, "entity", "unknown")]
        assert not Book.objects.exists()
