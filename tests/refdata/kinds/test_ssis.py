"""Standing settlement instructions."""

from __future__ import annotations

import pytest

from refdata.models import Ssi
from tests.refdata.conftest import CASH_SSI, LEI, faults, load, outcomes

pytestmark = pytest.mark.django_db


class TestSsis:
    def test_find_their_party_by_code_or_lei(self, party) -> None:
        assert outcomes(load("ssis", CASH_SSI)) == ["created"]
        assert outcomes(load("ssis", CASH_SSI | {"party": LEI})) == ["unchanged"]
        assert Ssi.objects.get().party.code == "CP"

    def test_of_an_unknown_party_are_refused(self, party) -> None:
        report = load("ssis", CASH_SSI | {"party": "NOBODY"})

        assert faults(report) == [(1, "party", "unknown")]
        assert not Ssi.objects.exists()

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"kind": "CHEQUE"}, "kind"),
            ({"key": "XNAS"}, "key"),
            ({"account": "DE88370400440532013000"}, "account"),
            ({"account": None}, "account"),
            ({"agent_bic": "X"}, "agent_bic"),
            ({"valid_to": "2025-12-31"}, "valid_to"),
            ({"valid_from": "2026-02-30"}, "valid_from"),
            ({"kind": "SECURITY", "key": "XNAS"}, "place_of_settlement"),
            ({"kind": "GOODS", "key": "*"}, "delivery_address"),
            ({"kind": "GOODS", "key": "EUR", "delivery_address": "1 High St"}, "key"),
        ],
    )
    def test_with_a_bad_field_are_refused(self, party, change, field: str) -> None:
        report = load("ssis", CASH_SSI | change)

        assert [name for _, name, _ in faults(report)] == [field]
        assert not Ssi.objects.exists()
