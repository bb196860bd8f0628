"""Mandates."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from core import sql
from refdata.models import Mandate
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db
ROW = {"trader": "jdoe", "product": "EQUITY", "book": "*", "market": "XNAS", "valid_from": "2026-01-01"}


class TestMandates:
    def test_are_loaded_changed_and_told(self) -> None:
        assert outcomes(load("mandates", ROW)) == ["created"]
        assert outcomes(load("mandates", ROW)) == ["unchanged"]
        assert outcomes(load("mandates", {**ROW, "max_tenor_days": "5"})) == ["changed"]

        assert Mandate.objects.get().max_tenor_days == 5
        assert [name for name, _ in events()] == ["mandate.created", "mandate.changed"]
        assert events()[-1][1]["after"] == {"max_tenor_days": 5}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("market", "NASDAQ"),
            ("max_tenor_days", -1),
            ("max_tenor_days", 36_526),
            ("valid_to", "2025-12-31"),
            ("trader", ""),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, value: object) -> None:
        report = load("mandates", {**ROW, field: value})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not Mandate.objects.exists()

    def test_are_never_deleted(self) -> None:
        load("mandates", ROW)

        with pytest.raises(DatabaseError, match="DELETE on refdata_mandate is refused"):
            sql.run("DELETE FROM refdata_mandate")
