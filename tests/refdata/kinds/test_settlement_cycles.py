"""Settlement cycles, and that no two of them hold on the same day."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from refdata.models import SettlementCycle
from tests.refdata.conftest import events, faults, load, outcomes

pytestmark = pytest.mark.django_db
KIND = "settlement-cycles"
ROW = {"product": "EQUITY", "market": "XNAS", "days": 2, "valid_from": "2020-01-01"}
ENDED = {**ROW, "valid_to": "2024-05-27"}
NEXT = {**ROW, "days": 1, "valid_from": "2024-05-28"}


def immediate() -> None:
    """Have deferred constraints speak now: a test's transaction is never committed."""
    sql.run("SET CONSTRAINTS ALL IMMEDIATE")
    sql.run("SET CONSTRAINTS ALL DEFERRED")


class TestSettlementCycles:
    def test_are_loaded_ended_and_followed_by_the_next_in_any_order(self) -> None:
        assert outcomes(load(KIND, ROW)) == ["created"]
        assert outcomes(load(KIND, ROW)) == ["unchanged"]
        assert outcomes(load(KIND, NEXT, ENDED, mode="atomic")) == ["created", "changed"]
        immediate()

        assert [name for name, _ in events()] == [
            "settlement_cycle.created",
            "settlement_cycle.created",
            "settlement_cycle.changed",
        ]
        assert events()[-1][1]["after"] == {"valid_to": date(2024, 5, 27).isoformat()}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("market", "NASDAQ"),
            ("market", "USD/CAD"),  # not in the order of the alphabet
            ("market", "USD/USD"),
            ("market", ""),
            ("product", "equity"),
            ("days", -1),
            ("days", 366),
            ("valid_to", "2019-12-31"),
        ],
    )
    def test_with_a_bad_field_are_refused(self, field: str, value: object) -> None:
        report = load(KIND, {**ROW, field: value})

        assert [(number, name) for number, name, _ in faults(report)] == [(1, field)]
        assert not SettlementCycle.objects.exists()

    def test_that_overlap_are_refused_and_say_what_is_in_the_way(self) -> None:
        load(KIND, ROW)

        report = load(KIND, NEXT)
        assert faults(report) == [(1, "valid_from", "overlap")]
        assert report.results[0].faults[0].detail == (
            "The row from 2020-01-01 still holds on 2024-05-28: end it before."
        )
        assert faults(load(KIND, {**ROW, "valid_from": "2019-01-01"})) == [(1, "valid_to", "overlap")]
        assert outcomes(load(KIND, {**ROW, "market": "XNYS"}, {**ROW, "product": "BOND"})) == ["created"] * 2

    def test_that_relied_on_a_refused_row_are_refused_with_it(self) -> None:
        load(KIND, {**ROW, "valid_to": "2020-12-31"}, {**ROW, "valid_from": "2021-01-01"})

        # The second row would end the stored one, were it not longer than itself.
        bad = {**ROW, "valid_from": "2021-01-01", "valid_to": "2020-06-01"}
        report = load(KIND, {**ROW, "valid_from": "2022-01-01"}, bad)

        assert faults(report) == [(1, "valid_from", "overlap"), (2, "valid_to", "invalid")]
        immediate()

    def test_that_overlap_are_refused_by_the_database_too(self) -> None:
        load(KIND, ROW)
        row = SettlementCycle(product="EQUITY", market="XNAS", days=1, valid_from=date(2024, 5, 28))

        with pytest.raises(IntegrityError, match="refdata_settlement_cycle_overlap"), transaction.atomic():
            row.save()
            immediate()

    def test_are_never_deleted(self) -> None:
        load(KIND, ROW)

        with pytest.raises(DatabaseError, match="DELETE on refdata_settlement_cycle is refused"):
            sql.run("DELETE FROM refdata_settlement_cycle")


_DAYS = st.integers(0, 40).map(lambda n: date(2026, 1, 1) + timedelta(days=n))
_RANGES = st.lists(
    st.tuples(_DAYS, st.none() | _DAYS).filter(lambda each: each[1] is None or each[0] <= each[1]),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=st.lists(_RANGES, min_size=1, max_size=3))
def test_whatever_is_loaded_holds_alone_on_each_of_its_days(loads):
    with transaction.atomic():
        for ranges in loads:
            load(KIND, *({**ROW, "valid_from": first, "valid_to": last} for first, last in ranges))
        immediate()
        rows = sorted(SettlementCycle.objects.values_list("valid_from", "valid_to"))
        for (_, ended), (begins, _) in pairwise(rows):
            assert ended is not None
            assert ended < begins
        connection.set_rollback(True)
