"""Billing terms, by entity, party and product."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError

from core import sql
from refdata.models import BillingTerms
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db
KIND = "billing-terms"
ROW = {"entity": "*", "party": "CUST-01", "product": "GOODS", "days": 14}


class TestBillingTerms:
    def test_are_loaded_changed_and_told(self) -> None:
        assert outcomes(load(KIND, ROW)) == ["created"]
        assert outcomes(load(KIND, {**ROW, "fees": "TRADE", "end_of_month": False})) == ["unchanged"]
        assert outcomes(load(KIND, {**ROW, "credit_alone_below": "250"})) == ["changed"]

        assert BillingTerms.objects.get().credit_alone_below == Decimal("250.0000")
        assert [name for name, _ in events()] == ["billing_terms.created", "billing_terms.changed"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("days", -1),
            ("days", 366),
            ("services", "WHENEVER"),
            ("fees", "YEAR"),
            ("credit_alone_below", "-0.01"),
            ("party", ""),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, value: object) -> None:
        report = load(KIND, {**ROW, field: value})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not BillingTerms.objects.exists()

    def test_are_never_deleted(self) -> None:
        load(KIND, ROW)

        with pytest.raises(DatabaseError, match="change"):
            sql.run("DELETE FROM refdata_billing_terms")
