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


def bond(**changes):
    return {
        "code": "DE0001102606",
        "name": "Bund 2032",
        "product_class": "BOND",
        "currency": "EUR",
        "coupon_rate": "1.7",
        "coupon_frequency": 1,
        "day_count": "ACT/ACT.ICMA",
        "dated_date": "2022-07-08",
        "maturity": "2032-08-15",
        **changes,
    }


def option(**changes):
    return {
        "code": "OESX-2612-C-5000",
        "scheme": "LOCAL",
        "name": "EURO STOXX 50 call 5000 December 2026",
        "product_class": "LISTED_DERIVATIVE",
        "currency": "EUR",
        "multiplier": "10",
        "expiry": "2026-12-18",
        "option_type": "CALL",
        "strike": "5000",
        **changes,
    }


class TestBonds:
    def test_are_priced_in_per_cent(self) -> None:
        assert outcomes(load("instruments", bond())) == ["created"]
        assert Instrument.objects.get().price_basis == "PERCENT"

    def test_may_come_before_their_terms_are_known(self) -> None:
        bare = {name: bond()[name] for name in ("code", "name", "product_class", "currency")}
        assert outcomes(load("instruments", bare)) == ["created"]

    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({"price_basis": "UNIT"}, ("price_basis", "invalid")),
            ({"multiplier": "10"}, ("multiplier", "invalid")),
            ({"maturity": None}, ("maturity", "missing")),
            ({"day_count": None}, ("day_count", "missing")),
            ({"coupon_frequency": None}, ("coupon_frequency", "missing")),
            ({"coupon_frequency": 5}, ("coupon_frequency", "unknown")),
            ({"day_count": "ACT/ACT"}, ("day_count", "unknown")),
            ({"coupon_rate": "-1"}, ("coupon_rate", "invalid")),
            ({"maturity": "2022-07-08"}, ("maturity", "invalid")),
            ({"dated_date": "1822-07-08"}, ("dated_date", "invalid")),
            ({"strike": "1"}, ("strike", "invalid")),
        ],
    )
    def test_with_wrong_terms_are_refused(self, changes, found) -> None:
        assert faults(load("instruments", bond(**changes))) == [(1, *found)]
        assert not Instrument.objects.exists()

    def test_without_a_coupon_need_no_frequency(self) -> None:
        assert outcomes(load("instruments", bond(coupon_rate="0", coupon_frequency=None))) == ["created"]


class TestListedDerivatives:
    @pytest.mark.parametrize("changes", [{}, {"option_type": None, "strike": None}])
    def test_are_options_or_futures(self, changes) -> None:
        assert outcomes(load("instruments", option(**changes))) == ["created"]

    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({"strike": None}, ("strike", "missing")),
            ({"expiry": None}, ("expiry", "missing")),
            ({"option_type": "SWAP"}, ("option_type", "unknown")),
            ({"option_type": None}, ("option_type", "missing")),
            ({"coupon_rate": "1"}, ("coupon_rate", "invalid")),
        ],
    )
    def test_with_wrong_terms_are_refused(self, changes, found) -> None:
        assert faults(load("instruments", option(**changes))) == [(1, *found)]
        assert not Instrument.objects.exists()


def test_a_liquidity_class_is_one_of_three(apple) -> None:
    row = {"code": "US0378331005", "name": "Apple Inc.", "product_class": "EQUITY", "currency": "USD"}

    assert [name for _, name, _ in faults(load("instruments", {**row, "liquidity_class": "FLUID"}))] == [
        "liquidity_class"
    ]
    assert outcomes(load("instruments", {**row, "liquidity_class": "HIGH"})) == ["changed"]
