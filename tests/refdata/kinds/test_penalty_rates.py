"""Penalty rates, and that no two of one place hold on the same day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from core import sql
from refdata.models import PenaltyRate
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db
KIND = "penalty-rates"
ROW = {
    "asset_class": "EQUITY",
    "liquidity": "*",
    "currency": "*",
    "basis_points": "1.0",
    "source": "CSDR",
    "valid_from": "2026-01-01",
}


class TestPenaltyRates:
    def test_are_loaded_changed_and_told(self) -> None:
        assert outcomes(load(KIND, ROW)) == ["created"]
        assert outcomes(load(KIND, {**ROW, "basis_points": "1"})) == ["unchanged"]
        assert outcomes(load(KIND, {**ROW, "basis_points": "0.125"})) == ["changed"]

        assert PenaltyRate.objects.get().basis_points == Decimal("0.125")
        assert [name for name, _ in events()] == ["penalty_rate.created", "penalty_rate.changed"]

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("asset_class", {"asset_class": "GOLD"}),
            ("liquidity", {"liquidity": "SOME"}),
            ("liquidity", {"asset_class": "CASH", "liquidity": "HIGH"}),
            ("currency", {"currency": "USD"}),
            ("currency", {"asset_class": "CASH", "currency": "YEN"}),
            ("basis_points", {"basis_points": "-1"}),
            ("basis_points", {"basis_points": "1.0000001"}),
            ("source", {"source": ""}),
            ("valid_to", {"valid_to": "2025-12-31"}),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, changes: dict[str, object]) -> None:
        report = load(KIND, {**ROW, **changes})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not PenaltyRate.objects.exists()

    def test_that_overlap_are_refused_here_and_by_the_database(self) -> None:
        load(KIND, ROW)

        assert faults(load(KIND, {**ROW, "valid_from": "2026-06-01"})) == [(1, "valid_from", "overlap")]
        assert outcomes(load(KIND, {**ROW, "liquidity": "LOW", "valid_from": "2026-06-01"})) == ["created"]
        with pytest.raises(IntegrityError, match="refdata_penalty_rate_overlap"), transaction.atomic():
            PenaltyRate.objects.create(
                asset_class="EQUITY", basis_points=1, source="CSDR", valid_from=date(2026, 6, 1)
            )
            sql.run("SET CONSTRAINTS ALL IMMEDIATE")

    def test_are_never_deleted(self) -> None:
        load(KIND, ROW)

        with pytest.raises(DatabaseError, match="DELETE on refdata_penalty_rate is refused"):
            sql.run("DELETE FROM refdata_penalty_rate")
