"""Standing settlement instructions."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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

    @pytest.mark.parametrize(
        ("change", "field", "code"),
        [
            ({"currency": "EUR"}, "currency", "invalid"),
            ({"market": "nowhere"}, "market", "invalid"),
            ({"product": "fx spot"}, "product", "invalid"),
            ({"book": "NO-BOOK"}, "book", "unknown"),
            (
                {"kind": "SECURITY", "key": "*", "place_of_settlement": "DAKVDEFF", "market": "XETR"},
                "market",
                "invalid",
            ),
            (
                {"kind": "SECURITY", "key": "*", "place_of_settlement": "DAKVDEFF", "currency": "XXQ"},
                "currency",
                "unknown",
            ),
        ],
    )
    def test_narrowed_to_what_is_not_there_are_refused(self, party, change, field: str, code: str) -> None:
        assert faults(load("ssis", CASH_SSI | change)) == [(1, field, code)]
        assert not Ssi.objects.exists()

    def test_narrowed_to_a_product_market_and_book_stand_beside_the_broad_one(self, party) -> None:
        load("books", {"code": "EQ-US", "desk": "EQ", "entity": "ENT"})
        narrowed = CASH_SSI | {"product": "EQUITY", "market": "XETR", "book": "EQ-US"}

        assert outcomes(load("ssis", CASH_SSI, narrowed)) == ["created", "created"]
        assert outcomes(load("ssis", narrowed | {"product": ""})) == ["created"]
        assert outcomes(load("ssis", narrowed | {"currency": None})) == ["unchanged"]


class TestOverlaps:
    def test_with_a_stored_one_of_the_same_place_are_refused(self, party) -> None:
        load("ssis", CASH_SSI)
        report = load("ssis", CASH_SSI | {"valid_from": "2026-06-01"})

        assert faults(report) == [(1, "valid_from", "overlap")]
        (fault,) = report.results[0].faults
        assert fault.detail == "Another one holds from 2026-01-01 on: end it before this one begins."

    def test_are_none_where_the_same_load_ends_the_one_before(self, party) -> None:
        load("ssis", CASH_SSI)
        ended, next_one = CASH_SSI | {"valid_to": "2026-05-31"}, CASH_SSI | {"valid_from": "2026-06-01"}

        assert outcomes(load("ssis", next_one, ended)) == ["created", "changed"]
        assert set(Ssi.objects.values_list("valid_from", "valid_to")) == {
            (date(2026, 1, 1), date(2026, 5, 31)),
            (date(2026, 6, 1), None),
        }

    def test_of_two_rows_of_a_load_refuse_the_later_row(self, party) -> None:
        later, earlier = CASH_SSI | {"valid_from": "2026-06-01"}, CASH_SSI | {"account": "OTHER-1"}

        assert faults(load("ssis", later, earlier)) == [(2, "valid_from", "overlap")]
        assert [each.valid_from for each in Ssi.objects.all()] == [date(2026, 6, 1)]

    def test_are_told_of_what_a_refused_row_leaves_in_place(self, party) -> None:
        load("ssis", CASH_SSI | {"valid_to": "2026-03-31"}, CASH_SSI | {"valid_from": "2026-06-01"})
        between = CASH_SSI | {"valid_from": "2026-04-01", "valid_to": "2026-05-31"}
        longer = CASH_SSI | {"valid_to": "2026-04-30"}

        assert faults(load("ssis", between, longer)) == [(2, "valid_from", "overlap")]
        assert outcomes(load("ssis", between)) == ["unchanged"]

    @given(
        st.lists(
            st.tuples(st.integers(1, 20), st.integers(0, 8) | st.none(), st.booleans()),
            min_size=1,
            max_size=10,
            unique_by=lambda row: (row[0], row[2]),
        )
    )
    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_whatever_is_loaded_leave_one_for_each_place_and_day(self, party, drawn) -> None:
        rows = [
            CASH_SSI
            | {
                "valid_from": date(2026, 1, first).isoformat(),
                "valid_to": None if days is None else date(2026, 1, first + days).isoformat(),
                "product": "EQUITY" if narrowed else "*",
            }
            for first, days, narrowed in drawn
        ]
        with transaction.atomic():
            for part in (rows, rows[::-1]):
                report = load("ssis", *part)
                assert {code for _, _, code in faults(report)} <= {"overlap"}
            assert Ssi.objects.count() >= len({row["product"] for row in rows})
            transaction.set_rollback(True)
