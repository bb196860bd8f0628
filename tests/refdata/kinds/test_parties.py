"""Parties."""

from __future__ import annotations

import pytest

from core.models import Event
from refdata.models import Party
from tests.refdata.conftest import LEI, OTHER_LEI, faults, load

pytestmark = pytest.mark.django_db


class TestParties:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("lei", "5493001KJTIIGC8Y1R13"),
            ("lei", LEI.lower()),
            ("bic", "DEUTDE"),
            ("role", "FRIEND"),
            ("country", "XX"),
            ("name", ""),
            ("name", " spaced"),
            ("name", "NUL \x00 inside"),
            ("credit_limit", "-1"),
            ("credit_limit", "1.005"),
            ("max_discount", "1.01"),
            ("max_discount", "-0.1"),
            ("kyc_valid_to", "soon"),
            ("lei_valid_to", "2027-01-01"),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, value: str) -> None:
        report = load("parties", {"code": "CP", "name": "Counterparty", field: value})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not Party.objects.exists()
        assert not Event.objects.exists()

    def test_cannot_take_another_party_s_lei(self, party) -> None:
        report = load("parties", {"code": "NEW", "name": "New", "lei": LEI})

        assert faults(report) == [(1, "lei", "taken")]
        assert not Party.objects.filter(code="NEW").exists()

    def test_cannot_share_an_lei_within_a_load(self) -> None:
        report = load(
            "parties",
            {"code": "A", "name": "A", "lei": OTHER_LEI},
            {"code": "B", "name": "B", "lei": OTHER_LEI},
        )

        assert faults(report) == [(2, "lei", "taken")]
