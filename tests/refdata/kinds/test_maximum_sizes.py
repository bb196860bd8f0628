"""Maximum sizes of instructions, and that no two of one place hold on the same day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from core import sql
from refdata.models import MaximumSize
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db
KIND = "maximum-sizes"
ROW = {"asset_kind": "CASH", "asset": "EUR", "maximum": "25000000", "valid_from": "2026-01-01"}


class TestMaximumSizes:
    def test_are_loaded_changed_and_told(self) -> None:
        assert outcomes(load(KIND, ROW)) == ["created"]
        assert outcomes(load(KIND, {**ROW, "maximum": "25000000.00"})) == ["unchanged"]
        assert outcomes(load(KIND, {**ROW, "maximum": "0.01"})) == ["changed"]

        assert MaximumSize.objects.get().maximum == Decimal("0.01")
        assert [name for name, _ in events()] == ["maximum_size.created", "maximum_size.changed"]

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("asset_kind", {"asset_kind": "GOLD"}),
            ("asset", {"asset": "EURO"}),
            ("maximum", {"maximum": "0"}),
            ("maximum", {"maximum": "-5"}),
            ("maximum", {"maximum": "1.005"}),
            ("maximum", {"asset": "JPY", "maximum": "1.5"}),
            ("valid_to", {"valid_to": "2025-12-31"}),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, changes: dict[str, object]) -> None:
        report = load(KIND, {**ROW, **changes})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not MaximumSize.objects.exists()

    def test_that_overlap_are_refused_here_and_by_the_database(self) -> None:
        load(KIND, ROW)

        assert faults(load(KIND, {**ROW, "valid_from": "2026-06-01"})) == [(1, "valid_from", "overlap")]
        assert outcomes(load(KIND, {**ROW, "asset": "*", "valid_from": "2026-06-01"})) == ["created"]
        with pytest.raises(IntegrityError, match="refdata_maximum_size_overlap"), transaction.atomic():
            MaximumSize.objects.create(asset_kind="CASH", asset="EUR", maximum=1, valid_from=date(2026, 6, 1))
            sql.run("SET CONSTRAINTS ALL IMMEDIATE")

    def test_are_never_deleted(self) -> None:
        load(KIND, ROW)

        with pytest.raises(DatabaseError, match="DELETE on refdata_maximum_size is refused"):
            sql.run("DELETE FROM refdata_maximum_size")
