"""What a unit of an article costs us."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError

from core import sql
from refdata.models import StandardCost
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db
KIND = "standard-costs"
ROW = {"instrument": "US0378331005", "valid_from": "2026-01-01", "cost": "4.10", "currency": "GBP"}


@pytest.mark.usefixtures("apple")
class TestStandardCosts:
    def test_are_loaded_changed_and_told(self) -> None:
        assert outcomes(load(KIND, ROW)) == ["created"]
        assert outcomes(load(KIND, {**ROW, "cost": "4.1"})) == ["unchanged"]
        assert outcomes(load(KIND, {**ROW, "cost": "0"})) == ["changed"]

        assert StandardCost.objects.get().cost == Decimal(0)
        assert [name for name, _ in events()][-2:] == ["standard_cost.created", "standard_cost.changed"]

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("instrument", {"instrument": "NONE"}),
            ("cost", {"cost": "-0.01"}),
            ("currency", {"currency": "EURO"}),
            ("valid_from", {"valid_from": "soon"}),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, changes: dict[str, object]) -> None:
        report = load(KIND, {**ROW, **changes})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not StandardCost.objects.exists()

    def test_are_never_deleted(self) -> None:
        load(KIND, ROW)

        with pytest.raises(DatabaseError, match="DELETE on refdata_standard_cost is refused"):
            sql.run("DELETE FROM refdata_standard_cost")
