"""Netting agreements, and that no two of one party and entity hold on the same value date."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from core import sql
from refdata.models import NettingAgreement, Party
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("party")]
KIND = "netting-agreements"
ROW = {
    "party": "CP",
    "entity": "*",
    "reference": "IFEMA-1997",
    "payments": "CURRENCY",
    "securities": "SECURITY",
    "valid_from": "2026-01-01",
}


class TestNettingAgreements:
    def test_are_loaded_changed_and_told(self) -> None:
        known = len(events())
        assert outcomes(load(KIND, ROW)) == ["created"]
        assert outcomes(load(KIND, {**ROW, "goods": "NONE"})) == ["unchanged"]
        assert outcomes(load(KIND, {**ROW, "securities": None})) == ["changed"]

        stored = NettingAgreement.objects.get()
        assert (stored.payments, stored.securities, stored.goods) == ("CURRENCY", "NONE", "NONE")
        told = events()[known:]
        assert [name for name, _ in told] == ["netting_agreement.created", "netting_agreement.changed"]
        assert told[-1][1]["after"] == {"securities": "NONE"}

    def test_name_the_party_by_its_code_or_its_lei(self) -> None:
        load(KIND, ROW)
        lei = Party.objects.get(code="CP").lei

        assert outcomes(load(KIND, {**ROW, "party": lei})) == ["unchanged"]

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("party", {"party": "NOBODY"}),
            ("entity", {"entity": "NOBODY"}),
            ("entity", {"entity": "CP"}),  # not one of our entities
            ("payments", {"payments": "DAILY"}),
            ("securities", {"securities": "CURRENCY"}),
            ("goods", {"goods": "ALL"}),
            ("valid_to", {"valid_to": "2025-12-31"}),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, changes: dict[str, object]) -> None:
        report = load(KIND, {**ROW, **changes})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not NettingAgreement.objects.exists()

    def test_that_overlap_are_refused_here_and_by_the_database(self) -> None:
        load(KIND, ROW)

        assert faults(load(KIND, {**ROW, "valid_from": "2026-06-01"})) == [(1, "valid_from", "overlap")]
        assert outcomes(load(KIND, {**ROW, "entity": "ENT", "valid_from": "2026-06-01"})) == ["created"]
        party = Party.objects.get(code="CP")
        with pytest.raises(IntegrityError, match="refdata_netting_overlap"), transaction.atomic():
            NettingAgreement.objects.create(party=party, valid_from=date(2026, 6, 1))
            sql.run("SET CONSTRAINTS ALL IMMEDIATE")

    def test_follow_one_another_in_one_load(self) -> None:
        load(KIND, ROW)
        ended = {**ROW, "valid_to": "2026-05-31"}

        assert outcomes(load(KIND, {**ROW, "valid_from": "2026-06-01"}, ended)) == ["created", "changed"]

    def test_are_never_deleted(self) -> None:
        load(KIND, ROW)

        with pytest.raises(DatabaseError, match="DELETE on refdata_netting_agreement is refused"):
            NettingAgreement.objects.all().delete()
