"""The blotter finds the same trades however they are asked for, a page at a time."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest
from django.test import Client

from core.ids import TRADE, public_id
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, equity, exact_trade, goods
from tests.support.records import CLERK, NOW, TODAY
from trades.lifecycle import State, move_trades
from trades.selectors import blotter

MANY = 120


def _shown(client: Client, url: str) -> list[str]:
    answer = client.get(url)
    assert answer.status_code == 200
    return [public_id(TRADE, row["trade_id"]) for row in answer.context["rows"]]


def _link(client: Client, url: str, rel: str) -> str | None:
    text = client.get(url).content.decode()
    _, found, tail = text.partition(f'rel="{rel}" href="')
    return urljoin(url, unescape(tail.partition('"')[0])) if found else None


@pytest.fixture
def many(world: World) -> list[str]:
    """Return the references of many trades, the newest first."""
    made = captured_ids(*(exact_trade(n) for n in range(MANY)))
    return [public_id(TRADE, trade_id) for trade_id in sorted(made, reverse=True)]


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations")


def test_pages_follow_each_other_without_a_gap_forwards_and_back(many: list[str], desk: Client) -> None:
    first = _shown(desk, "/trades")
    to_second = _link(desk, "/trades", "next")
    assert to_second is not None
    second = _shown(desk, to_second)
    to_third = _link(desk, to_second, "next")
    assert to_third is not None
    assert first + second + _shown(desk, to_third) == many
    assert _link(desk, to_third, "next") is None
    back = _link(desk, to_third, "prev")
    assert back is not None
    assert _shown(desk, back) == second


def test_a_jump_shows_what_turning_the_pages_shows(many: list[str], desk: Client) -> None:
    assert _shown(desk, "/trades?page=2") == many[50:100]
    assert _shown(desk, "/trades?page=3&size=50") == many[100:]
    assert _shown(desk, "/trades?page=99") == []


@pytest.mark.parametrize("sort", blotter.SORTS)
def test_every_sort_pages_through_all_trades_once(sort: str, world: World, desk: Client) -> None:
    days = [TODAY - timedelta(days=3 * (n % 4)) for n in range(60)]
    made = captured_ids(*(exact_trade(n, on=on) for n, on in enumerate(days)))
    url: str | None = f"/trades?sort={sort}"
    seen: list[str] = []
    while url is not None:
        seen += _shown(desk, url)
        url = _link(desk, url, "next")
    assert sorted(seen) == sorted(public_id(TRADE, trade_id) for trade_id in made)


def test_filters_narrow_together(world: World, desk: Client) -> None:
    bought, sold, order = captured_ids(equity(), equity(side="SELL", quantity="7"), goods())
    move_trades(
        trade_ids=[bought],
        source=State.CAPTURED,
        target=State.VALIDATED,
        at=NOW,
        actor=CLERK,
    )
    refs = {n: public_id(TRADE, n) for n in (bought, sold, order)}
    expected: dict[str, list[int]] = {
        "status=captured": [order, sold],
        "status=captured&counterparty=BROKER-01": [sold],
        "counterparty=529900T8BM49AURSDO55": [sold, bought],
        "counterparty=cust": [order],
        "product=GOODS": [order],
        "source=FO-EQ&status=validated": [bought],
        "book=BOOK-1": [order, sold, bought],
        f"from={TODAY}&to={TODAY}&sort=captured": [bought, sold, order],
        f"from={TODAY + timedelta(days=1)}": [],
        f"q={refs[sold]}": [sold],
    }
    for filtered, trades in expected.items():
        assert _shown(desk, f"/trades?{filtered}") == [refs[n] for n in trades], filtered


def test_an_unknown_counterparty_is_found_as_it_was_sent(world: World, desk: Client) -> None:
    (odd,) = captured_ids(equity(counterparty="NOBODY-9"))
    captured_ids(equity())
    assert _shown(desk, "/trades?counterparty=NOBODY-9") == [public_id(TRADE, odd)]


def test_what_cannot_be_read_of_the_address_is_said_and_filters_nothing(
    many: list[str], desk: Client
) -> None:
    answer = desk.get("/trades?status=nonsense&from=31.12.2026&size=7&page=x&after=trd_0&sort=price&book=NO")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert len(answer.context["rows"]) == 50
    assert "There is no status “nonsense”." in text
    assert "Write a date as 2026-11-23." in text
    assert "There is no book “NO”." in text


def test_an_empty_product_shows_how_to_begin_and_an_empty_filter_how_to_clear_it(
    world: World, desk: Client
) -> None:
    assert "No trade has been captured yet" in desk.get("/trades").content.decode()
    captured_ids(equity())
    text = desk.get("/trades?product=GOODS&source=SHOP").content.decode()
    assert "No trade matches product “GOODS” and source “SHOP”" in text
    assert "Clear the filter" in text


def test_totals_are_by_currency_and_side_of_the_page_only(world: World, desk: Client) -> None:
    captured_ids(equity(price="1.10", quantity="3"), equity(price="2", quantity="2", side="SELL"), goods())
    assert [
        (each.currency, each.trades, str(each.bought), str(each.sold))
        for each in desk.get("/trades").context["totals"]
    ] == [("EUR", 1, "0", "96.0000"), ("USD", 2, "3.3000", "4.0000")]


def test_the_count_is_asked_for_apart_and_stops_at_its_cap(
    many: list[str], desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert '<span class="figure">120</span> trades' in desk.get("/trades/count").content.decode()
    monkeypatch.setattr(blotter, "COUNT_CAP", 50)
    assert blotter.totals(blotter.Filter()).count == 51
    text = desk.get("/trades?count=1").content.decode()
    assert "more than" in text
    assert "The last 10,000 that match" in text


def test_totals_are_of_all_that_match_whatever_the_page(
    world: World, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured_ids(
        *(equity(f"B-{n}", price="1.10", quantity="3") for n in range(60)),
        *(equity(f"S-{n}", price="2", quantity="2", side="SELL") for n in range(3)),
        goods(),
    )
    found = blotter.totals(blotter.Filter())
    assert (found.count, found.more) == (64, False)
    assert [(each.currency, each.trades, each.bought, each.sold) for each in found.by_currency] == [
        ("EUR", 1, 0, 96),
        ("USD", 63, 198, 12),
    ]
    assert blotter.totals(blotter.Filter(product="GOODS")).by_currency == found.by_currency[:1]
    assert blotter.totals(blotter.Filter(source="NONE")) == blotter.Totals(0, [])
    monkeypatch.setattr(blotter, "COUNT_CAP", 2)
    capped = blotter.totals(blotter.Filter())
    assert (capped.count, capped.more) == (3, True)
    assert [(each.currency, each.trades, each.sold) for each in capped.by_currency] == [
        ("EUR", 1, 96),
        ("USD", 1, 4),
    ]


def test_a_filter_without_an_index_looks_a_window_back_and_offers_to_go_on(
    many: list[str], desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blotter, "WINDOW", 100)
    answer = desk.get("/trades?product=GOODS")
    assert answer.context["rows"] == []
    assert answer.context["searched_to"] is not None
    assert "Search further back" in answer.content.decode()
    further = desk.get(
        f"/trades?product=GOODS&after={public_id(TRADE, answer.context['searched_to'])}&page=2"
    )
    assert further.context["searched_to"] is None
    assert "No trade matches product “GOODS”" in further.content.decode()


def test_a_filter_that_takes_too_long_says_how_to_narrow_it(
    many: list[str], desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*args: Any, **kwargs: Any) -> blotter.Page:
        raise blotter.TooBroad

    monkeypatch.setattr(blotter, "page", slow)
    assert "looks through too many trades" in desk.get("/trades?book=BOOK-1").content.decode()


def test_a_statement_beyond_its_time_is_too_broad(many: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blotter, "TIMEOUT_MS", 1)
    monkeypatch.setattr(blotter, "_PAGE", "SELECT pg_sleep(1) FROM {source} {where} ORDER BY {order}")
    with pytest.raises(blotter.TooBroad):
        blotter.page(blotter.Filter(product="EQUITY"))


def test_search_goes_straight_to_the_only_match(world: World, desk: Client) -> None:
    (trade,) = captured_ids(equity("E-77"))
    reference = public_id(TRADE, trade)
    for text in (reference, reference.lower(), "E-77", "e-77"):
        answer = desk.get("/search", {"q": text})
        assert answer["Location"] == f"/trades/{reference}", text
    assert desk.get("/search", {"q": "none & such"})["Location"] == "/trades?q=none+%26+such"
