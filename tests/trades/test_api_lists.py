"""Lists come in the order of change, in pages, and no concurrent commit makes a reader skip a trade."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import sql
from core.clock import utc_now
from core.http.cursor import encode_cursor
from tests.support.api import Api, pointers, problem
from tests.support.factories import (
    captured_ids,
    check_everything,
    equity,
    exact_trade,
    fx,
    goods,
    other_connection,
    world,
)
from tests.support.records import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(transactional_db) -> Api:
    world()
    return Api()


def refs(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["source_ref"] for item in answer.json()["items"]]


def walk(api: Api, **query) -> list[str]:
    """Return the references on all pages of a list."""
    found, cursor = [], ""
    while cursor is not None:
        answer = api.get("/trades", cursor=cursor, **query)
        found += refs(answer)
        cursor = answer.json()["next"]
    return found


FILTERS = [
    ({}, ["A", "A", "B", "C"]),
    ({"source": "FO-EQ"}, ["A", "B"]),
    ({"source": "NOBODY"}, []),
    ({"source_ref": "A"}, ["A", "A"]),
    ({"source_ref": "A", "source": "FO-2"}, ["A"]),
    ({"source_ref": "C", "source": "FO-EQ"}, []),
    ({"status": "EXCEPTION"}, ["B"]),
    ({"status": "VALIDATED"}, ["A", "C"]),
    ({"status": "CAPTURED"}, ["A"]),
    ({"status": "SETTLED"}, []),
    ({"trade_date": "2026-11-20"}, ["B"]),
    ({"updated_since": "2026-11-23T14:30:00Z"}, ["A"]),
    ({"updated_since": "2026-11-23T15:30:00+01:00"}, ["A"]),
    ({"updated_since": "2026-11-24T14:00:00+23:30"}, ["A"]),
    ({"updated_since": "2026-11-23 14:00:00+00:00", "source": "FO-EQ"}, ["A", "B"]),
    ({"status": "VALIDATED", "source": "FO-FX", "trade_date": "2026-11-23"}, ["C"]),
    ({"source": "", "status": "", "trade_date": "", "updated_since": ""}, ["A", "A", "B", "C"]),
]


def test_a_filter_shows_what_it_asks_for(api):
    captured_ids(equity("A"), equity("B", on=date(2026, 11, 20), counterparty="NOBODY"), fx("C"))
    check_everything()
    captured_ids(equity("A", source="FO-2", quantity="3"), at=NOW + timedelta(hours=1))
    assert [(query, sorted(refs(api.get("/trades", **query)))) for query, _ in FILTERS] == FILTERS


def test_a_reference_without_its_source_is_one_probe_for_each_source(api):
    captured_ids(equity("A"), equity("A", source="FO-2"), fx("C"))
    with CaptureQueriesContext(connection) as asked:
        assert refs(api.get("/trades", source_ref="A")) == ["A", "A"]
    (statement,) = [each["sql"] for each in asked if "source_ref = ANY" in each["sql"]]
    assert """source = ANY('{"FO-2","FO-EQ","FO-FX"}')""" in statement


MALFORMED = [
    ("status", "DONE"), ("status", "captured"), ("trade_date", "23.11.2026"), ("trade_date", "2026-13-01"),
    ("trade_date", "0000-00-00\0"), ("updated_since", "2026-11-23T14:00:00"),
    ("updated_since", "9999-12-31T23:59:59-23:59"), ("updated_since", "0001-01-01T00:00:00+14:00"),
    ("updated_since", "yesterday"),
    ("source", "A\0"), ("source_ref", "\0"), ("limit", "0"), ("limit", "1001"), ("limit", "-1"), ("limit", "ten"),
    ("limit", ""), ("limit", "9" * 5000), ("cursor", "nonsense"), ("cursor", "W10"), ("cursor", "WzFd"),
    ("cursor", "é"), ("cursor", "WyJhIiwiYiJd"),
]  # fmt: skip


def test_a_malformed_parameter_is_400_naming_it(api):
    for name, value in MALFORMED:
        document = problem(api.get("/trades", **{name: value}), 400, "unreadable")
        assert pointers(document) == [f"query:{name}"], value


@pytest.mark.parametrize("key", [(2**64 - 1, 1), (-(2**63), 1), (2**63, 2**63)])
def test_a_cursor_of_numbers_that_no_record_has_is_refused(api, key):
    answer = api.get("/trades", cursor=encode_cursor(key))
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")


class TestPages:
    def test_show_everything_once_in_the_order_of_change(self, api):
        for first in (0, 40):
            captured_ids(*[exact_trade(n) for n in range(first, first + 40)])
        expected = [f"X-{n}" for n in range(80)]
        for limit in (1, 7, 40, 80, 1000):
            assert walk(api, limit=limit) == expected

    def test_hold_100_unless_asked_otherwise(self, api):
        captured_ids(*[exact_trade(n) for n in range(101)])
        answer = api.get("/trades")
        assert len(refs(answer)) == 100
        rest = api.get("/trades", cursor=answer.json()["next"])
        assert (refs(rest), rest.json()["next"]) == (["X-100"], None)

    def test_show_again_what_changed_after_it_was_seen(self, api):
        captured_ids(equity("A"), equity("B", quantity="3"))
        seen = api.get("/trades", limit=2)
        check_everything()
        answer = api.get("/trades", cursor=seen.json()["next"])
        assert [(item["source_ref"], item["status"]) for item in answer.json()["items"]] == [
            ("A", "VALIDATED"),
            ("B", "VALIDATED"),
        ]

    def test_show_no_findings(self, api):
        captured_ids(equity("A"))
        (item,) = api.get("/trades").json()["items"]
        assert "findings" not in item


def test_an_orders_lines_name_their_articles_and_none_of_our_own_numbers(api):
    captured_ids(goods("O-1"))
    (order,) = api.get("/trades").json()["items"]
    single = api.get(f"/trades/{order['id']}").json()
    for shown in (order, single):
        assert [sorted(line) for line in shown["terms"]["lines"]] == [
            ["amount", "description", "quantity", "sku", "unit_price"]
        ] * 2


class TestALateCommit:
    def test_is_not_skipped_by_a_reader_that_has_seen_younger_trades(self, api):
        captured_ids(equity("OLD"))
        with other_connection() as other:
            other.execute("BEGIN")
            other.execute("SELECT pg_current_xact_id()")  # older than what follows, and still open
            (trade_id,) = captured_ids(equity("YOUNG", quantity="3"))
            page = api.get("/trades", limit=1)
            assert refs(page) == ["OLD"]
            assert refs(api.get("/trades", cursor=page.json()["next"])) == []
            other.execute(
                "UPDATE trades_state SET changed_xid = pg_current_xact_id()::text::bigint WHERE trade_id = %s",
                [trade_id - 1],
            )
            other.execute("COMMIT")
        assert refs(api.get("/trades", cursor=page.json()["next"])) == ["OLD", "YOUNG"]

    def test_does_not_hide_a_deal_asked_for_by_its_reference(self, api):
        with other_connection() as other:
            other.execute("BEGIN")
            other.execute("SELECT pg_current_xact_id()")
            captured_ids(equity("YOUNG"))
            assert refs(api.get("/trades")) == []
            assert refs(api.get("/trades", source="FO-EQ", source_ref="YOUNG")) == ["YOUNG"]


def test_a_client_of_some_sources_lists_only_theirs(api):
    captured_ids(equity("A"), fx("B"))
    bound = Api("bound", sources=["FO-FX", "SHOP"])
    assert refs(bound.get("/trades")) == ["B"]
    assert refs(bound.get("/trades", source="FO-EQ")) == []
    assert refs(bound.get("/trades", source="FO-FX")) == ["B"]


def test_a_request_is_noted_as_the_last_use_of_the_token_once_a_minute(api):
    api.get("/trades")
    (first,) = sql.row("SELECT last_used_at FROM core_api_client")
    assert abs(first - utc_now()) < timedelta(seconds=10)
    api.get("/trades")
    assert sql.row("SELECT last_used_at FROM core_api_client") == (first,)
    with time_machine.travel(NOW + timedelta(minutes=2), tick=True):
        api.get("/trades")
    (later,) = sql.row("SELECT last_used_at FROM core_api_client")
    assert later - first > timedelta(minutes=1)
