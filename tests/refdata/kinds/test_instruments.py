"""Instruments."""

from __future__ import annotations

import pytest

from refdata.models import Instrument, InstrumentIdentifier
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db


class TestInstruments:
    def test_with_a_wrong_check_digit_are_refused(self) -> None:
        report = load(
            "instruments",
            {"code": "US0378331006", "name": "Apple", "product_class": "EQUITY", "currency": "USD"},
        )

        assert faults(report) == [(1, "code", "invalid")]
        assert report.results[0].faults[0].detail == "The check digit of this ISIN is wrong."
        assert not Instrument.objects.exists()

    def test_that_are_goods_are_known_by_their_sku(self) -> None:
        load(
            "instruments",
            {"code": "85123A", "name": "Lantern", "product_class": "GOODS", "currency": "GBP"},
        )

        assert Instrument.objects.get().scheme == "SKU"

    def test_gain_identifiers_and_lose_none(self, apple) -> None:
        report = load(
            "instruments",
            {
                "code": "US0378331005",
                "name": "Apple Inc.",
                "product_class": "EQUITY",
                "currency": "USD",
                "identifiers": {"2046251": "SEDOL"},
            },
        )

        assert outcomes(report) == ["changed"]
        assert set(InstrumentIdentifier.objects.values_list("scheme", "value")) == {
            ("SEDOL", "2046251"),
            ("CUSIP", "037833100"),
        }
        assert events()[-1][1]["after"] == {"identifiers": {"037833100": "CUSIP", "2046251": "SEDOL"}}

    def test_read_identifiers_from_a_flat_cell(self) -> None:
        load(
            "instruments",
            {
                "code": "US0378331005",
                "name": "Apple Inc.",
                "product_class": "EQUITY",
                "currency": "USD",
                "identifiers": "SEDOL=2046251; CUSIP=037833100",
            },
        )

        assert InstrumentIdentifier.objects.count() == 2

    @pytest.mark.parametrize(
        ("scheme", "value"),
        [("SEDOL", "2046252"), ("CUSIP", "037833101"), ("FIGI", "BBG000B9XRY5"), ("", "X")],
    )
    def test_with_a_bad_identifier_are_refused(self, scheme: str, value: str) -> None:
        report = load(
            "instruments",
            {
                "code": "US0378331005",
                "name": "Apple Inc.",
                "product_class": "EQUITY",
                "currency": "USD",
                "identifiers": {value: scheme},
            },
        )

        assert [name for _, name, _ in faults(report)] == [f"identifiers/{value}"]
        assert not Instrument.objects.exists()

    def test_cannot_take_another_s_identifier(self, apple) -> None:
        report = load(
            "instruments",
            {
                "code": "US5949181045",
                "name": "Microsoft",
                "product_class": "EQUITY",
                "currency": "USD",
                "identifiers": {"037833100": "CUSIP"},
            },
        )

        assert faults(report) == [(1, "identifiers/037833100", "taken")]
        assert Instrument.objects.count() == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("currency", "XXQ"),
            ("product_class", "SHARE"),
            ("price_basis", "HALF"),
            ("multiplier", "0"),
            ("multiplier", "1000000.1"),
            ("multiplier", "1.2345678"),
            ("settlement_cycle", -1),
            ("market", "XNASDAQ"),
            ("price_tolerance", "-0.1"),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, value: object) -> None:
        row = {"code": "US0378331005", "name": "A", "product_class": "EQUITY", "currency": "USD"}

        report = load("instruments", row | {field: value})

        assert [name for _, name, _ in faults(report)] == [field]
        assert not Instrument.objects.exists()
