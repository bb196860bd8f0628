"""Bulk: a result for each item in order, each as the single call would have answered it."""

from __future__ import annotations

import msgspec
import pytest
import time_machine

from core import sql
from core.ids import TRADE, database_id
from tests.support.api import Api, pointers, problem
from tests.support.factories import equity, exact_trade, fx, goods, world
from tests.support.records import NOW, all_written

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db) -> Api:
    world()
    return Api(sources=["FO-EQ", "FO-FX", "SHOP"])


def statuses(answer) -> list[int]:
    assert answer.status_code == 207, answer.content
    document = answer.json()
    assert [item["index"] for item in document["items"]] == list(range(len(document["items"])))
    found = [item["status"] for item in document["items"]]
    assert document["created"] == found.count(201)
    assert document["existing"] == found.count(200)
    assert document["refused"] == sum(status >= 400 for status in found)
    return found


def references() -> list[str]:
    """Return the references of all stored trades in the order of their ids."""
    return [ref for (ref,) in sql.rows("SELECT source_ref FROM trades_version ORDER BY trade_id")]


MIXED = [
    equity("A"),
    equity("B", price="x", side="HOLD"),
    fx("C"),
    equity("D", source="FOREIGN"),
    equity("A"),
    equity("A", quantity="101"),
    "no object",
    goods("E", counterparty="NOBODY"),
]


@pytest.mark.parametrize("filling", [0, 60, 2_100], ids=["few", "copied", "in runs"])
class TestAMixedBatch:
    def test_answers_each_item_in_its_place(self, api, filling):
        more = [exact_trade(n) for n in range(filling)]
        answer = api.batch([*MIXED, *more])
        assert statuses(answer) == [201, 400, 201, 403, 200, 409, 400, 201] + [201] * filling
        items = answer.json()["items"]
        assert pointers(items[1]["problem"]) == ["/price", "/side"]
        assert (items[3]["problem"]["code"], pointers(items[3]["problem"])) == ("foreign-source", ["/source"])
        assert items[4]["id"] == items[0]["id"] == items[5]["problem"]["trade"]
        assert pointers(items[5]["problem"]) == ["/quantity"]
        assert pointers(items[6]["problem"]) == [""]
        assert references() == ["A", "C", "E", *(each["source_ref"] for each in more)]

    def test_gives_ids_in_the_order_of_the_items(self, api, filling):
        more = [exact_trade(n) for n in range(filling)]
        items = api.batch([*MIXED, *more]).json()["items"]
        made = [database_id(TRADE, item["id"]) for item in items if item["status"] == 201]
        assert made == sorted(made)
        assert made == [id for (id,) in sql.rows("SELECT trade_id FROM trades_version ORDER BY trade_id")]

    def test_stores_nothing_in_atomic_mode_and_says_which_item_is_to_blame(self, api, filling):
        before = all_written()
        answer = api.batch([*MIXED, *(exact_trade(n) for n in range(filling))], mode="atomic")
        assert statuses(answer) == [424, 400, 424, 403, 424, 409, 400, 424] + [424] * filling
        assert answer.json()["items"][0]["problem"]["code"] == "batch-failed"
        assert all_written() == before

    def test_known_deals_are_found_in_the_same_places_the_second_time(self, api, filling):
        more = [exact_trade(n) for n in range(filling)]
        first = api.batch([*MIXED, *more])
        again = api.batch([*MIXED, *more])
        assert statuses(again) == [200, 400, 200, 403, 200, 409, 400, 200] + [200] * filling
        assert [item.get("id") for item in again.json()["items"]] == [
            item.get("id") for item in first.json()["items"]
        ]
        assert len(references()) == 3 + filling


class TestABatch:
    def test_that_is_good_is_stored_whole_in_atomic_mode(self, api):
        assert statuses(api.batch([equity("A"), fx("B"), equity("A")], mode="atomic")) == [201, 201, 200]
        assert references() == ["A", "B"]

    def test_of_nothing_but_bad_items_is_207_all_the_same(self, api):
        assert statuses(api.batch([{}, 1, None])) == [400, 400, 400]

    def test_has_one_event_one_state_and_one_version_for_each_trade(self, api):
        api.batch([exact_trade(n) for n in range(70)], headers={"X-Request-ID": "desk-4711"})
        assert sql.row("SELECT count(*), min(state), max(version) FROM trades_state") == (70, 1, 1)
        told = sql.rows(
            "SELECT type, actor, request_id, count(*) FROM core_event WHERE subject = 'trade' GROUP BY 1, 2, 3"
        )
        assert told == [("trade.captured", "client:front", "desk-4711", 70)]
        (queued,) = sql.row("SELECT array_agg(n ORDER BY n) FROM core_work, unnest(subject_ids) AS n")
        assert queued == [id for (id,) in sql.rows("SELECT trade_id FROM trades_state ORDER BY 1")]

    def test_repeated_under_its_key_is_answered_from_store(self, api):
        first = api.batch(MIXED, key="k")
        again = api.batch(MIXED, key="k")
        assert (again.status_code, again["Idempotency-Replayed"]) == (207, "true")
        assert again.content == first.content
        assert references() == ["A", "C", "E"]

    def test_in_one_item_that_is_not_utf_8_the_others_are_captured(self, api):
        body = b'{"items": [%s, {"source": "\xff"}, %s]}' % (
            msgspec.json.encode(equity("A")), msgspec.json.encode(equity("B", quantity="7")),
        )  # fmt: skip
        assert statuses(api.post("/trade-batches", body)) == [201, 400, 201]

    def test_may_come_as_lines(self, api):
        lines = [msgspec.json.encode(equity("A")), b"", b"{", msgspec.json.encode(fx("B")), b""]
        for content_type in ("application/x-ndjson", "application/jsonl"):
            answer = api.post("/trade-batches", b"\r\n".join(lines), content_type=content_type)
            assert [status // 100 for status in statuses(answer)] == [2, 4, 2]
        assert references() == ["A", "B"]

    @pytest.mark.parametrize(
        "body",
        [b"", b"[]", b"{}", b'{"items": []}', b'{"items": {}}', b'{"items": [1], "mode": "atomic"}', b'{"items": [',
         b'{"items\xff": []}', b"[" * 50_000, b'{"items": [1]} x'],
        ids=range(10),
    )  # fmt: skip
    def test_that_is_no_batch_is_400(self, api, body):
        assert pointers(problem(api.post("/trade-batches", body), 400, "unreadable")) == ["/items"]

    def test_of_empty_lines_is_400(self, api):
        answer = api.post("/trade-batches", b"\n \n", content_type="application/x-ndjson")
        assert pointers(problem(answer, 400, "unreadable")) == ["/items"]

    def test_of_an_unknown_mode_is_400(self, api):
        answer = api.post("/trade-batches?mode=some", {"items": [equity()]})
        assert pointers(problem(answer, 400, "unreadable")) == ["query:mode"]
        assert references() == []

    @pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
    def test_of_10001_items_is_413_and_of_10000_is_read(self, api, content_type):
        def body(count: int) -> bytes:
            return (
                b"\n".join([b"1"] * count)
                if "nd" in content_type
                else b'{"items":[1%s]}' % (b",1" * (count - 1))
            )

        problem(api.post("/trade-batches", body(10_001), content_type=content_type), 413, "too-many-items")
        answer = api.post("/trade-batches", body(10_000), content_type=content_type)
        assert (answer.status_code, answer.json()["refused"]) == (207, 10_000)
