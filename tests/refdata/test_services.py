"""Loading reference data."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.http.problem import Problem
from core.models import Event
from refdata.lists import list_rows
from refdata.models import Party
from refdata.services import KINDS, Unreadable, load_rows
from tests.refdata.conftest import ACTOR, CASH_SSI, LEI, NOW, events, faults, load, outcomes

pytestmark = pytest.mark.django_db

# Whatever JSON can say, with texts that are likely to hurt.
texts = st.text(max_size=12) | st.sampled_from(["", "\x00", "\ud800", " ", "NaN", "1e999", "2026-02-30"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | texts
anything = scalars | st.lists(scalars, max_size=3) | st.dictionaries(texts, scalars, max_size=3)


class TestLoading:
    def test_stores_a_new_row_with_its_event(self) -> None:
        report = load("parties", {"code": "CP", "name": "Counterparty", "lei": LEI})

        assert outcomes(report) == ["created"]
        stored = Party.objects.get()
        assert (stored.code, stored.lei, stored.role) == ("CP", LEI, "COUNTERPARTY")
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

    def test_takes_as_many_statements_for_many_rows_as_for_one(self, django_assert_num_queries) -> None:
        rows = [{"currency": "USD", "date": f"2026-11-{day:02d}", "rate": "0.86"} for day in range(1, 31)]

        with django_assert_num_queries(2 + 6):  # savepoint; lock, find, ids, insert, who waits for it, events
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

    @pytest.mark.parametrize("field", ["date", "name"])
    def test_refuses_half_a_character(self, field: str) -> None:
        report = load("holidays", {"calendar": "FIRM", "date": "2026-12-24"} | {field: "\ud800"})

        assert faults(report) == [(1, field, "invalid")]

    def test_refuses_a_kind_that_does_not_exist(self) -> None:
        with pytest.raises(Problem) as caught:
            load("unicorns", {"code": "A"})

        assert caught.value.status == 404

    def test_tells_of_every_row_as_it_becomes_known(self, party) -> None:
        known = []
        rows = [{"code": "CP", "name": "Counterparty"}, {"code": "X"}, {"code": "Y", "name": "Y"}]

        load_rows(kind="parties", rows=rows, actor=ACTOR, now=NOW, on_row=lambda: known.append(1))

        assert len(known) == 3


class TestEveryKind:
    @pytest.mark.parametrize("kind", list(KINDS))
    def test_lists_rows_that_load_again_unchanged(self, kind: str, party, apple) -> None:
        load("books", {"code": "EQ-US", "desk": "EQ", "entity": "ENT"})
        load("ssis", CASH_SSI)
        load("holidays", {"calendar": "FIRM", "date": "2026-12-24"})
        load("fx-rates", {"currency": "USD", "date": "2026-11-20", "rate": "0.86"})
        load(
            "close-prices",
            {"instrument": "US0378331005", "date": "2026-11-20", "price": "1", "currency": "USD"},
        )
        for code in (
            *("mandates", "watch-lists", "settlement-cycles", "cut-offs", "billing-terms"),
            *("penalty-rates", "maximum-sizes"),
        ):
            load(code, KINDS[code].example)
        for code in ("agreements", "netting-agreements"):
            load(code, {**KINDS[code].example, "party": "CP"})
        before = events()

        rows = [row for _, row in list_rows(kind=KINDS[kind], filters={}, after=0, limit=10)]

        assert rows
        assert set(outcomes(load(kind, *rows))) == {"unchanged"}
        assert events() == before

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(kind=st.sampled_from(list(KINDS)), data=st.data())
    def test_answers_whatever_it_is_sent(self, party, apple, kind: str, data: st.DataObject) -> None:
        good = KINDS[kind].example
        bent = st.dictionaries(st.sampled_from([*good, "other"]), anything, max_size=3)

        report = load(kind, good | data.draw(bent), good, data.draw(anything))

        assert len(report.results) == 3


class TestTwoLoadsAtOnce:
    @pytest.mark.concurrency
    @pytest.mark.django_db(transaction=True)
    def test_store_each_row_once(self) -> None:
        rows = [{"code": f"P{n}", "name": "n", "lei": None} for n in range(200)]

        def one(_: int) -> list[str]:
            try:
                return outcomes(load("parties", *rows))
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(one, range(4)))

        assert sorted(result[0] for result in results) == ["created"] + ["unchanged"] * 3
        assert all(len(set(result)) == 1 for result in results)
        assert (Party.objects.count(), Event.objects.count()) == (200, 200)
