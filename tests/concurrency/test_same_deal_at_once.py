"""The same deal, posted by many at the same moment, is captured once."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial

import msgspec
import pytest
from django.db import transaction

from core import sql
from tests.support.factories import (
    FRONT_OFFICE,
    Front,
    capture,
    equity,
    exact_trade,
    live_today,
    nothing_captured,
    trade_id_of,
    wait_for,
    world,
)
from tests.support.records import NOW, race
from trades.products._reading import read_message
from trades.services.capture import Outcome
from trades.services.load import load_trades

pytestmark = pytest.mark.concurrency
POSTS = 64


@pytest.fixture
def front(live_product):
    today = live_today()
    world(today=today)
    return Front(live_product.base_url)


def _assert_one_trade(trade_id: int) -> None:
    assert sql.rows("SELECT trade_id, version FROM trades_version") == [(trade_id, 1)]
    assert sql.rows("SELECT trade_id FROM trades_state") == [(trade_id,)]
    wait_for(nothing_captured, seconds=20)
    events = sql.rows("SELECT type FROM core_event WHERE subject = 'trade' ORDER BY id")
    assert events == [("trade.captured",), ("trade.validated",)]


def test_64_posts_under_one_key_make_one_trade_and_one_answer(front):
    document = equity("E-SAME", on=live_today())
    answers = front.at_once([partial(front.post_trade, document, key="one-key")] * POSTS)

    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    assert Counter(answer.headers.get("Idempotency-Replayed", "") for answer in made)[""] == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency-in-flight"
            assert answer.headers["Retry-After"] == "1"
    again = front.post_trade(document, key="one-key")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.content == made[0].content
    _assert_one_trade(trade_id_of(made[0]))


def test_64_posts_under_64_keys_make_one_trade_that_all_of_them_name(front):
    document = equity("E-SAME", on=live_today())
    answers = front.at_once([partial(front.post_trade, document)] * POSTS)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: POSTS - 1}
    (trade_id,) = {trade_id_of(answer) for answer in answers}
    _assert_one_trade(trade_id)


def test_bulk_posts_of_the_same_deals_in_any_order_make_each_of_them_once(front):
    documents = [exact_trade(n, on=live_today()) for n in range(300)]
    orders = [random.Random(seed).sample(documents, len(documents)) for seed in range(6)]
    answers = front.at_once([partial(front.post_batch, order) for order in orders])

    assert [answer.status_code for answer in answers] == [207] * len(orders)
    documents_of = [msgspec.json.decode(answer.content) for answer in answers]
    assert sum(answer["created"] for answer in documents_of) == 300
    assert sum(answer["existing"] for answer in documents_of) == 300 * 5
    assert sql.row("SELECT count(*), count(DISTINCT source_ref) FROM trades_version") == (300, 300)
    assert sql.row("SELECT count(*) FROM core_event WHERE type = 'trade.captured'") == (300,)


def load(*documents):
    """Load documents as a bulk post does, in two runs."""
    messages = [read_message(msgspec.json.encode(each)) for each in documents]
    half = len(messages) // 2
    runs = (messages[:half], messages[half:])
    with transaction.atomic():
        return load_trades(runs=runs, expected=len(messages), actor=FRONT_OFFICE, at=NOW)


@pytest.mark.parametrize(
    ("road", "size"),
    [(capture, 5), (capture, 200), (load, 1_500)],
    ids=["one statement", "copy", "load"],
)
@pytest.mark.django_db(transaction=True)
def test_two_batches_in_opposite_orders_wait_for_each_other_and_both_are_answered(road, size):
    world()
    documents = [exact_trade(n) for n in range(size)]
    for attempt in range(4):
        batch = [{**each, "source_ref": f"{each['source_ref']}-{attempt}"} for each in documents]
        results = race(partial(road, *batch), partial(road, *reversed(batch)))

        assert not [each for each in results if isinstance(each, Exception)], results
        first, second = results
        assert [each.trade_id for each in first] == [each.trade_id for each in reversed(second)]
        outcomes = Counter(each.outcome for each in (*first, *second))
        assert outcomes == {Outcome.CREATED: size, Outcome.EXISTING: size}
