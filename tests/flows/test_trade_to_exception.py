"""A trade over the API of the running product: checked within seconds, held with its reasons, mended, let go."""

from __future__ import annotations

import pytest

from core.audit import Actor
from core.clock import utc_now
from refdata.models import Party
from tests.support.factories import (
    Front,
    equity,
    exact_trade,
    fx,
    goods,
    limit,
    live_today,
    nothing_captured,
    ssi,
    states,
    trade_id_of,
    used,
    wait_for,
    world,
)
from tests.support.records import state_of
from trades.lifecycle import State
from trades.services.recheck import recheck_trades
from trades.services.reject import reject_trade
from trades.services.repair import repair_trade

CLERK = Actor("user:clerk")


@pytest.fixture
def front(live_product) -> Front:
    world(today=live_today())
    return Front(live_product.base_url)


def read(front: Front, answer) -> dict:
    return front.http.get(answer.headers["Location"]).json()


def settled_checks() -> None:
    wait_for(nothing_captured, seconds=20, what="the checks")


@pytest.mark.parametrize("document", [equity, fx, goods], ids=["EQUITY", "FX_SPOT", "GOODS"])
def test_a_good_trade_of_any_product_is_validated(front, document):
    answer = front.post_trade(document("GOOD", on=live_today()))
    assert answer.status_code == 201
    settled_checks()
    trade = read(front, answer)
    assert (trade["status"], trade["findings"]) == ("VALIDATED", [])
    events = front.http.get(trade["links"]["events"]).json()["items"]
    assert [event["type"] for event in events] == ["trade.captured", "trade.validated"]
    assert events[0]["request_id"] == answer.headers["X-Request-ID"]


def test_a_bad_trade_is_held_with_every_reason_and_goes_on_once_its_causes_are_fixed(front):
    limit(hard="10000000")
    bad = equity("BAD", on=live_today(), counterparty="NEWCOMER", price="1872.5")
    answer = front.post_trade(bad)
    assert answer.status_code == 201
    settled_checks()
    trade = read(front, answer)
    assert trade["status"] == "EXCEPTION"
    assert {finding["code"] for finding in trade["findings"]} == {"UNKNOWN_PARTY", "OFF_MARKET_PRICE"}
    assert used() == {}

    trade_id = trade_id_of(answer)
    newcomer = Party.objects.create(code="NEWCOMER", name="Newcomer")
    ssi(newcomer, "CASH", "USD")
    ssi(newcomer, "SECURITY", "*")
    recheck_trades(trade_ids=[trade_id], reason="set up", actor=CLERK, now=utc_now())
    settled_checks()
    trade = read(front, answer)
    assert [finding["code"] for finding in trade["findings"] if not finding["closed_at"]] == [
        "OFF_MARKET_PRICE"
    ]

    mended = {"price": "187.25"}
    repair_trade(
        trade_id=trade_id,
        version=trade["version"],
        changes=mended,
        reason="point",
        actor=CLERK,
        now=utc_now(),
    )
    settled_checks()
    trade = read(front, answer)
    assert (trade["status"], trade["version"], trade["price"]) == ("VALIDATED", 3, "187.25")
    assert all(finding["closed_at"] for finding in trade["findings"])
    assert used()["NEWCOMER"] == 17227
    types = [event["type"] for event in front.http.get(trade["links"]["events"]).json()["items"]]
    assert types == [
        "trade.captured", "trade.held", "exception.opened",
        "trade.enriched", "trade.rechecked", "trade.held",
        "trade.repaired", "trade.rechecked", "trade.validated", "exception.closed",
    ]  # fmt: skip
    again = front.post_trade(bad)
    assert (again.status_code, again.json()["id"]) == (200, trade["id"])


def test_a_rejected_trade_is_cancelled_and_leaves_the_limits(front):
    limit(hard="100")
    answer = front.post_trade(equity("BIG", on=live_today()))
    settled_checks()
    trade_id = trade_id_of(answer)
    assert used() == {"BROKER-01": 17227}
    reject_trade(trade_id=trade_id, version=1, reason="not ours", actor=CLERK, now=utc_now())
    assert (state_of(trade_id)[0], used()) == (State.CANCELLED, {"BROKER-01": 0})
    assert read(front, answer)["status"] == "CANCELLED"


def test_what_a_dry_run_promised_is_what_the_trade_meets(front):
    limit(hard="100")
    document = equity("ASKED", on=live_today(), counterparty="NOBODY")
    promised = front.post_trade(document, dry_run="true")
    assert (promised.status_code, states()) == (200, {})
    answer = front.post_trade(document)
    settled_checks()
    trade = read(front, answer)
    assert trade["status"] == promised.json()["would_be"] == "EXCEPTION"
    assert [finding["message"] for finding in trade["findings"]] == [
        finding["message"] for finding in promised.json()["findings"]
    ]


def test_a_bulk_load_of_thousands_is_checked_within_seconds(front):
    documents = [exact_trade(n, on=live_today(), price="-1" if n % 100 == 0 else "1") for n in range(3_000)]
    answer = front.post_batch(documents)
    assert (answer.status_code, answer.json()["created"]) == (207, 3_000)
    settled_checks()
    assert states() == {"VALIDATED": 2_970, "EXCEPTION": 30}
