"""On the screen of margins people see what orders earn, find what has no cost, and open the orders behind a figure."""

from __future__ import annotations

import html
import json
import re

import pytest
from django.test import Client

from core.ids import TRADE, public_id
from tests.ledger.test_margins import cost
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, goods, service
from tests.support.records import TODAY

SPAN = f"last={TODAY}"


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


def rows_of(page: str) -> list[list[str]]:
    """Return the words of each cell of the table's rows."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        ]
        for row in re.findall(r"<tr.*?</tr>", body, flags=re.S)
    ]


@pytest.fixture
def reader(world: World, sign_in: SignIn) -> Client:
    return sign_in("supervisor", name="sue")


@pytest.fixture
def sold(world: World) -> list[str]:
    """Return the references of an order for goods and one for work, of articles of which one has no cost."""
    cost("SKU-1", "1.50")
    return [public_id(TRADE, each) for each in captured_ids(goods(), service())]


def test_what_orders_earn_is_told_the_largest_first_and_together(reader: Client, sold: list[str]) -> None:
    cost("SKU-2", "2")
    page = text_of(reader.get(f"/profit/margins?by=product&{SPAN}"))
    rows = [row[:7] for row in rows_of(page)]
    assert [row[0] for row in rows] == ["SERVICE", "GOODS", "All of them"]
    assert rows[1] == ["GOODS", "1", "2", "96.00", "30.00", "+66.00", "68.8"]
    assert rows[2][1] == "2"
    upwards = text_of(reader.get(f"/profit/margins?by=product&sort=revenue&{SPAN}"))
    assert [row[0] for row in rows_of(upwards)] == ["GOODS", "SERVICE", "All of them"]


def test_a_missing_cost_is_flagged_and_leaves_no_margin(reader: Client, sold: list[str]) -> None:
    page = text_of(reader.get(f"/profit/margins?by=article&product=GOODS&{SPAN}"))
    found = {row[0]: row[3:] for row in rows_of(page)}
    assert found["SKU-2"] == ["45.00", "—", "—", "—", "1", "cost missing"]
    assert found["All of them"] == ["96.00", "18.00", "—", "—", "1", "cost missing"]
    assert "One line has an article without a standard cost" in page


def test_one_click_leads_to_the_orders_behind_a_figure_and_one_more_to_the_version(
    reader: Client, sold: list[str]
) -> None:
    page = reader.get(f"/profit/margins?by=customer&product=GOODS&{SPAN}").content.decode()
    (to,) = re.findall(r'data-row-link href="([^"]+)"', page)
    orders = text_of(reader.get(html.unescape(to)))
    assert [row[0] for row in rows_of(orders)] == [f"{sold[0]} v1", "All of them"]
    assert f'href="/trades/{sold[0]}"' in orders
    assert reader.get(f"/trades/{sold[0]}").status_code == 200


def test_each_filter_narrows(reader: Client, sold: list[str]) -> None:
    for narrowed in ("book=BOOK-1", "customer=CUST-01", "article=SKU-1", "product=GOODS"):
        assert sold[0] in text_of(reader.get(f"/profit/margins?by=order&{SPAN}&{narrowed}")), narrowed
    for narrowed in ("book=NO", "customer=NO", "article=NO", "first=2026-11-01&last=2026-11-02"):
        assert "No order fits" in text_of(reader.get(f"/profit/margins?by=order&{SPAN}&{narrowed}")), narrowed


def test_days_that_make_no_sense_are_told_beside_their_field(reader: Client) -> None:
    page = text_of(reader.get("/profit/margins?first=soon&book=%00&by=mood"))
    assert "Write the day as 2026-11-23." in page
    assert 'aria-describedby="first-fault"' in page


def test_all_groups_leave_as_a_file_as_they_are_filtered(reader: Client, sold: list[str]) -> None:
    answer = reader.get(f"/views/margins/export?format=json&by=order&product=GOODS&{SPAN}")
    (row,) = json.loads(b"".join(answer.streaming_content))["items"]  # type: ignore[attr-defined]
    assert row == {
        "name": sold[0], "orders": 1, "lines": 2, "revenue": "96.00", "cost": "18.00", "margin": None, "rate": None,
        "missing_costs": 1, "flag": "COST_MISSING",
    }  # fmt: skip


def test_whoever_may_not_read_profit_sees_none(sign_in: SignIn) -> None:
    assert sign_in("front-office reader").get("/profit/margins").status_code == 403
