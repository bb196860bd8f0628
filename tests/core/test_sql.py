"""Lists travel as array literals, rows as COPY: whatever stands in them arrives as it was sent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from django.db import DataError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql

pytestmark = pytest.mark.django_db
_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from("\\\",{}'% "), max_size=12
)
_examples = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_examples
@given(texts=st.lists(st.none() | _TEXT, max_size=5))
def test_any_list_of_texts_arrives_as_an_array(db, texts):
    assert sql.row("SELECT %s::text[]", [texts]) == (texts,)


@_examples
@given(rows=st.lists(st.tuples(st.integers(-(2**62), 2**62), st.none() | _TEXT), min_size=1, max_size=5))
def test_any_rows_arrive_by_copy(db, rows):
    sql.run("CREATE TEMP TABLE IF NOT EXISTS copied (n bigint, value text) ON COMMIT DROP")
    sql.run("TRUNCATE copied")
    sql.copy_rows("copied", ["n", "value"], rows)
    assert sorted(sql.rows("SELECT n, value FROM copied"), key=repr) == sorted(rows, key=repr)


def test_every_kind_of_value_arrives_in_an_array():
    moment = datetime(2026, 11, 23, 14, 3, 11, 5, tzinfo=UTC)
    found = sql.row(
        "SELECT %(numbers)s::numeric[], %(days)s::date[], %(moments)s::timestamptz[], %(ids)s::bigint[],"
        " %(flags)s::boolean[]",
        {
            "numbers": [Decimal("1E+3"), Decimal("-0.0000000001"), None],
            "days": [date(2026, 11, 23)],
            "moments": [moment],
            "ids": [2**63 - 1, -1],
            "flags": [True, False],
        },
    )
    assert found == (
        [Decimal(1000), Decimal("-0.0000000001"), None], [date(2026, 11, 23)], [moment], [2**63 - 1, -1], [True, False],
    )  # fmt: skip


def test_no_rows_are_copied_as_none():
    sql.run("CREATE TEMP TABLE copied (n int) ON COMMIT DROP")
    sql.copy_rows("copied", ["n"], [])
    assert sql.rows("SELECT * FROM copied") == []


def test_a_failed_copy_is_a_database_error_like_any_other():
    sql.run("CREATE TEMP TABLE copied (n int) ON COMMIT DROP")
    with pytest.raises(DataError), transaction.atomic():
        sql.copy_rows("copied", ["n"], [["many"]])


def test_records_are_named_by_their_columns():
    assert sql.records("SELECT 1 AS one, 'x' AS two") == [{"one": 1, "two": "x"}]
    assert sql.row("SELECT 1 WHERE false") is None
    assert sql.run("SELECT generate_series(1, 3)") == 3


@pytest.mark.parametrize("value", [None, {"a": [1, "1.50"]}, ["x"], "text"])
def test_json_comes_back_as_python(value):
    assert sql.json_value(sql.row("SELECT %s::jsonb", [msgspec.json.encode(value).decode()])[0]) == value


class TestAStatementThatIsPlannedOnce:
    TWICE = "SELECT n * 2, %(word)s::text || '%%' FROM unnest(%(numbers)s::int[]) AS n ORDER BY n"

    def test_answers_each_time_for_its_own_parameters(self):
        assert sql.planned_rows(self.TWICE, {"word": "a'%", "numbers": [2, 1]}) == [(2, "a'%%"), (4, "a'%%")]
        assert sql.planned_rows(self.TWICE, {"word": None, "numbers": [5]}) == [(10, None)]
        assert _prepared(self.TWICE) == 1

    def test_is_given_only_the_parameters_that_stand_in_it(self):
        assert sql.planned_rows("SELECT %(one)s::int", {"none": "x", "one": 1}) == [(1,)]
        assert sql.planned_rows("SELECT 2", {"none": "x"}) == [(2,)]

    def test_is_let_go_when_newer_ones_take_its_place(self):
        statements = [f"SELECT {n} + %(more)s::int" for n in range(sql.PREPARED_MAX + 1)]
        for _ in range(2):
            assert [sql.planned_rows(each, {"more": 1}) for each in statements] == [
                [(n + 1,)] for n in range(len(statements))
            ]
        assert sum(map(_prepared, statements)) == sql.PREPARED_MAX

    def test_leaves_the_transaction_as_it_was(self):
        settings = ("plan_cache_mode", "enable_seqscan")
        before = [sql.row(f"SHOW {each}") for each in settings]
        sql.planned_rows(self.TWICE, {"word": "", "numbers": []})
        assert [sql.row(f"SHOW {each}") for each in settings] == before == [("auto",), ("on",)]

    def test_that_fails_leaves_the_transaction_as_it_was_and_can_be_asked_again(self):
        parameters = {"word": "", "numbers": [2**31 - 1]}
        with pytest.raises(DataError), transaction.atomic():
            sql.planned_rows(self.TWICE, parameters)
        assert sql.row("SHOW enable_seqscan") == ("on",)
        assert sql.planned_rows(self.TWICE, {"word": "", "numbers": [1]}) == [(2, "%")]


def _prepared(statement: str) -> int:
    """Return how often this connection has a statement prepared."""
    text = statement.replace("%%", "%").partition("%(")[0]
    found = sql.row("SELECT count(*) FROM pg_prepared_statements WHERE position(%s IN statement) > 0", [text])
    return int(found[0]) if found else 0
