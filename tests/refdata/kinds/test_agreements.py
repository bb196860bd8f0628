"""Agreements with parties."""

from __future__ import annotations

import pytest

from refdata.models import Agreement
from tests.refdata.conftest import LEI, events, faults, load, outcomes

pytestmark = pytest.mark.django_db
ROW = {"party": "CP", "product": "FX_FORWARD", "reference": "ISDA-2002", "valid_from": "2026-01-01"}


class TestAgreements:
    def test_are_with_a_party_named_by_its_code_or_lei(self, party) -> None:
        assert outcomes(load("agreements", ROW)) == ["created"]
        assert outcomes(load("agreements", {**ROW, "party": LEI})) == ["unchanged"]
        assert outcomes(load("agreements", {**ROW, "valid_to": "2026-12-31"})) == ["changed"]

        assert Agreement.objects.get().party.code == "CP"
        assert [name for name, _ in events()][-2:] == ["agreement.created", "agreement.changed"]

    def test_with_nobody_are_refused(self) -> None:
        assert faults(load("agreements", ROW)) == [(1, "party", "unknown")]
        assert not Agreement.objects.exists()

    @pytest.mark.parametrize(
        ("field", "value"), [("valid_to", "2025-12-31"), ("reference", ""), ("product", "")]
    )
    def test_with_a_bad_field_are_refused(self, party, field: str, value: str) -> None:
        assert [(n, name) for n, name, _ in faults(load("agreements", {**ROW, field: value}))] == [(1, field)]
        assert not Agreement.objects.exists()
