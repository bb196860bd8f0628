"""Loading reference data."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.http.problem import Problem
from core.models import Event
from refdata.models import ClosePrice, Instrument, InstrumentIdentifier, Party, Ssi
from refdata.services import KINDS, Unreadable
from tests.refdata.conftest import LEI, NOW, OTHER_LEI, events, faults, load, outcomes

pytestmark = pytest.mark.django_db


class TestLoading:
    def test_stores_a_new_row_with_its_event(self) -> None:
        report = load("parties", {"code": "CP", "name": "Counterparty", "lei": LEI})

        assert outcomes(report) == ["created"]
        stored = Party.objects.get()
        assert (stored.code, stored.lei, stored.netting, stored.role) == ("CP", LEI, True, "COUNTERPARTY")
        event = Event.objects.get()
        assert (event.type, event.subject, event.subject_id) == ("party.created", "party", stored.id)
        assert (event.actor, event.recorded_at) == ("user:tester", NOW)
        assert event.data["before"] is None
        assert event.data["after"]["lei"] == LEI

    def test_changes_a_stored_row_and_logs_only_what_differs(self, party) -> None:
        before = len(events())

        report = load("parties", {"code": "CP", "name": "Counterparty", "restricted": True})

        assert outcomes(report) == ["changed"]
        assert Party.objects.get(code="CP").restricted
        assert events()[before:] == [
            (
                "party.changed",
                {"key": {"code": "CP"}, "before": {"restricted": False}, "after": {"restricted": True}},
            )
        ]

    def test_writes_nothing_for_an_unchanged_row(self, party, django_assert_num_queries) -> None:
        before = events()
        version = "SELECT xmin::text FROM refdata_party WHERE code = 'CP'"
        stored = Party.objects.raw(f"SELECT id, ({version}) AS xmin FROM refdata_party")[0].xmin

        report = load("parties", {"code": "CP", "name": "Counterparty", "lei": LEI, "country": "DE"})

        assert outcomes(report) == ["unchanged"]
        assert events() == before
        assert Party.objects.raw(f"SELECT id, ({version}) AS xmin FROM refdata_party")[0].xmin == stored

    def test_keeps_what_an_absent_field_had(self) -> None:
        load("parties", {"code": "CP", "name": "Old", "restricted": True, "lei": LEI})

        load("parties", {"code": "CP", "name": "New"})

        stored = Party.objects.get()
        assert (stored.name, stored.restricted, stored.lei) == ("New", True, LEI)

    def test_sets_the_default_for_a_null(self) -> None:
        load("parties", {"code": "CP", "name": "Old", "restricted": True, "lei": LEI})

        load("parties", {"code": "CP", "name": "Old", "restricted": None, "lei": None})

        stored = Party.objects.get()
        assert (stored.restricted, stored.lei) == (False, None)

    def test_stores_the_good_rows_beside_bad_ones(self) -> None:
        report = load(
            "parties",
            {"code": "A", "name": "A"},
            {"code": "B"},
            Unreadable("The line is not JSON."),
            {"code": "D", "name": "D"},
        )

        assert outcomes(report) == ["created", "refused", "refused", "created"]
        assert faults(report) == [(2, "name", "missing"), (3, "", "unreadable")]
        assert list(Party.objects.order_by("code").values_list("code", flat=True)) == ["A", "D"]

    def test_stores_nothing_of_an_atomic_load_with_one_bad_row(self) -> None:
        report = load("parties", {"code": "A", "name": "A"}, {"code": "B"}, mode="atomic")

        assert not report.applied
        assert outcomes(report) == ["withheld", "refused"]
        assert not Party.objects.exists()
        assert not Event.objects.exists()

    def test_stores_all_of_an_atomic_load_without_one(self) -> None:
        report = load("parties", {"code": "A", "name": "A"}, {"code": "B", "name": "B"}, mode="atomic")

        assert report.applied
        assert outcomes(report) == ["created", "created"]
        assert Party.objects.count() == 2

    def test_takes_as_many_statements_for_many_rows_as_for_one_beside_their_events(
        self, django_assert_num_queries
    ) -> None:
        rows = [{"currency": "USD", "date": f"2026-11-{day:02d}", "rate": "0.86"} for day in range(1, 31)]

        with django_assert_num_queries(2 + 4 + len(rows)):  # savepoint; lock, find, ids, insert; events
            load("fx-rates", *rows)
        with django_assert_num_queries(2 + 2):
            load("fx-rates", *rows)

    def test_names_every_malformed_field_of_a_row(self) -> None:
        report = load(
            "instruments",
            {"code": 7, "nme": "x", "product_class": "GOODS", "currency": "GBP", "active": "perhaps"},
        )

        assert faults(report) == [
            (1, "nme", "unknown-field"),
            (1, "code", "invalid"),
            (1, "name", "missing"),
            (1, "active", "invalid"),
        ]

    def test_refuses_the_second_row_with_a_key(self) -> None:
        report = load("parties", {"code": "A", "name": "one"}, {"code": "A", "name": "two"})

        assert faults(report) == [(2, "", "repeated")]
        assert Party.objects.get().name == "one"

    def test_refuses_a_row_that_is_not_an_object(self) -> None:
        assert faults(load("parties", ["A"], None, 3)) == [(n, "", "unreadable") for n in (1, 2, 3)]

    def test_refuses_a_kind_that_does_not_exist(self) -> None:
        with pytest.raises(Problem) as caught:
            load("unicorns", {"code": "A"})

        assert caught.value.status == 404

    def test_tells_of_every_row_as_it_becomes_known(self, party) -> None:
        from refdata.services import load_rows
        from tests.refdata.conftest import ACTOR

        known = []
        rows = [{"code": "CP", "name": "Counterparty"}, {"code": "X"}, {"code": "Y", "name": "Y"}]

        load_rows(kind="parties", rows=rows, actor=ACTOR, now=NOW, on_row=lambda: known.append(1))

        assert len(known) == 3


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


class TestSsis:
    CASH = {
        "party": "CP",
        "kind": "CASH",
        "key": "EUR",
        "account": "DE89370400440532013000",
        "agent_bic": "DEUTDEFF",
        "valid_from": "2026-01-01",
    }

    def test_find_their_party_by_code_or_lei(self, party) -> None:
        assert outcomes(load("ssis", self.CASH)) == ["created"]
        assert outcomes(load("ssis", self.CASH | {"party": LEI})) == ["unchanged"]
        assert Ssi.objects.get().party.code == "CP"

    def test_of_an_unknown_party_are_refused(self, party) -> None:
        report = load("ssis", self.CASH | {"party": "NOBODY"})

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
        report = load("ssis", self.CASH | change)

        assert [name for _, name, _ in faults(report)] == [field]
        assert not Ssi.objects.exists()


class TestPricesAndRates:
    def test_are_kept_to_the_digit(self, apple) -> None:
        load(
            "close-prices",
            {
                "instrument": "037833100",
                "date": "2026-11-20",
                "price": "187.2512345678",
                "currency": "USD",
            },
        )

        stored = ClosePrice.objects.get()
        assert (stored.instrument.code, stored.price) == ("US0378331005", Decimal("187.2512345678"))

    @pytest.mark.parametrize("price", [1.5, "1.5e3", "1_000", " 1", "NaN", "", "0", "-1", "1.00000000001"])
    def test_that_are_not_plain_positive_decimals_are_refused(self, apple, price: object) -> None:
        report = load(
            "close-prices",
            {"instrument": "US0378331005", "date": "2026-11-20", "price": price, "currency": "USD"},
        )

        assert [name for _, name, _ in faults(report)] == ["price"]
        assert not ClosePrice.objects.exists()

    def test_of_the_base_currency_are_refused(self) -> None:
        report = load("fx-rates", {"currency": "EUR", "date": "2026-11-20", "rate": "1"})

        assert faults(report) == [(1, "currency", "invalid")]


class TestEveryKind:
    @pytest.mark.parametrize("kind", list(KINDS))
    def test_lists_rows_that_load_again_unchanged(self, kind: str, party, apple) -> None:
        from refdata.lists import list_rows

        load("books", {"code": "EQ-US", "desk": "EQ", "entity": "ENT"})
        load("ssis", TestSsis.CASH)
        load("holidays", {"calendar": "FIRM", "date": "2026-12-24"})
        load("fx-rates", {"currency": "USD", "date": "2026-11-20", "rate": "0.86"})
        load(
            "close-prices",
            {"instrument": "US0378331005", "date": "2026-11-20", "price": "1", "currency": "USD"},
        )
        before = events()

        rows = [row for _, row in list_rows(kind=KINDS[kind], filters={}, after=0, limit=10)]

        assert rows
        assert set(outcomes(load(kind, *rows))) == {"unchanged"}
        assert events() == before
