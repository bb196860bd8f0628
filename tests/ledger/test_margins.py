"""What orders for goods and services earn: by order, customer, article, product and book, as known at any moment."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.ids import TRADE, public_id
from refdata.models import Instrument, StandardCost
from tests.ledger.support import amend, cancel
from tests.support.api import Api
from tests.support.factories import captured_ids, goods, service, world
from tests.support.records import NOW, TODAY

pytestmark = pytest.mark.django_db(transaction=True)


def cost(sku: str, amount: str, *, since: date = date(2026, 1, 1), currency: str = "EUR") -> None:
    StandardCost.objects.create(
        instrument=Instrument.objects.get(code=sku), valid_from=since, cost=Decimal(amount), currency=currency
    )


def earned(api: Api, by: str, query: str = "") -> list[tuple]:
    items = api.get(f"/margins?by={by}&last={TODAY}{query}").json()["items"]
    return [
        (each[by], each["revenue"], each["cost"], each["margin"], each["missing_costs"]) for each in items
    ]


@pytest.fixture
def api() -> Api:
    world()
    return Api(sources=[])


def test_an_order_earns_what_its_articles_are_sold_for_above_their_standard_cost(api: Api):
    cost("SKU-1", "1.50")
    cost("SKU-1", "9.99", since=date(2026, 11, 24))  # for later orders
    cost("SKU-2", "5", currency="USD")
    sold, _bought = captured_ids(goods(), goods(side="BUY"))
    order = public_id(TRADE, sold)
    assert earned(api, "order") == [(order, "96.00", "45.60", "50.40", 0)]
    assert earned(api, "customer") == [("CUST-01", "96.00", "45.60", "50.40", 0)]
    assert earned(api, "article") == [
        ("SKU-1", "51.00", "18.00", "33.00", 0),
        ("SKU-2", "45.00", "27.60", "17.40", 0),
    ]


def test_a_cost_that_is_not_known_is_missing_and_not_nought(api: Api):
    cost("SKU-1", "1.50")
    captured_ids(goods())
    assert earned(api, "customer") == [("CUST-01", "96.00", "18.00", None, 1)]
    assert earned(api, "article")[1] == ("SKU-2", "45.00", None, None, 1)


def test_work_and_goods_are_told_apart_and_by_book(api: Api):
    cost("SKU-1", "1")
    cost("SKU-2", "2")
    captured_ids(goods(), service())
    assert earned(api, "product") == [
        ("GOODS", "96.00", "24.00", "72.00", 0),
        ("SERVICE", "2925.00", "26.00", "2899.00", 0),
    ]
    assert earned(api, "book") == [("BOOK-1", "3021.00", "50.00", "2971.00", 0)]
    assert earned(api, "book", "&book=NONE") == []


def test_what_was_known_at_a_moment_stays(api: Api):
    changed, gone = captured_ids(goods(), goods())
    before = f"&as_at={NOW.isoformat().replace('+00:00', 'Z')}"
    assert [each[1] for each in earned(api, "customer", before)] == ["192.00"]
    amend(changed, terms={"lines": [{"sku": "SKU-1", "quantity": "1", "unit_price": "4.25"}]})
    cancel(gone)
    assert [each[1] for each in earned(api, "customer")] == ["4.25"]
    assert [each[1] for each in earned(api, "customer", before)] == ["192.00"]


def test_only_what_is_asked_for_is_told(api: Api):
    cost("SKU-1", "1")
    cost("SKU-2", "2")
    captured_ids(goods(), service())
    assert earned(api, "product", "&product=GOODS") == [("GOODS", "96.00", "24.00", "72.00", 0)]
    assert earned(api, "product", "&product=GOODS&article=SKU-1") == [("GOODS", "51.00", "12.00", "39.00", 0)]
    assert len(earned(api, "order", "&customer=CUST-01")) == 2
    assert earned(api, "order", "&customer=BROKER-01") == []


def test_orders_come_page_by_page(api: Api):
    orders = [public_id(TRADE, each) for each in captured_ids(goods(), goods(), goods())]
    page = api.get(f"/margins?by=order&last={TODAY}&limit=2").json()
    rest = api.get(f"/margins?by=order&last={TODAY}&limit=2&cursor={page['next']}").json()
    assert [each["order"] for each in page["items"] + rest["items"]] == orders
    assert rest["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        "by=mood",
        "last=soon",
        "first=2020-01-01",
        "as_at=2999-01-01T00:00:00Z",
        "cursor=bent",
        "book=%00",
        f"customer={'x' * 101}",
        "product=EQUITY",
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, query: str):
    assert api.get(f"/margins?{query}").status_code == 400
