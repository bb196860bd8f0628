"""Invoices are listed page by page, read as JSON and CSV, and credited by clients that may."""

from __future__ import annotations

import csv
import io

import pytest

from core.ids import INSTRUCTION, TRADE, public_id
from settlement.api.invoices_schema import CREDIT
from tests.settlement.support import seal
from tests.support.api import Api, pointers
from tests.support.factories import checked, goods, world
from tests.support.fees import fee_rule
from tests.support.invoices import billing_terms, deliver, delivered_by, documents

pytestmark = pytest.mark.django_db(transaction=True)


def billed() -> tuple[str, list[int]]:
    """Return the reference of an order of two lines with VAT, each delivered on its own, and its instructions."""
    world()
    billing_terms(credit_alone_below="50")
    fee_rule("VAT", type="VAT", rate="2000", direction="RECEIVE", is_stated=False)
    trade_id = checked(goods("O-1"))
    seal()
    instructions = delivered_by(trade_id)
    for each in instructions:
        deliver(each)
    return public_id(TRADE, trade_id), instructions


@pytest.fixture
def api(db: None) -> Api:
    return Api("books", sources=[])


def test_invoices_are_listed_page_by_page_and_read_with_their_lines(api: Api):
    trade, (first, _) = billed()
    items, cursor = [], ""
    for _ in range(2):
        told = api.get(f"/invoices?limit=1{cursor}").json()
        items += told["items"]
        cursor = f"&cursor={told['next']}"
    assert [(each["reference"], each["gross"]) for each in items] == [
        ("OURS-INV-000001", "61.20"),
        ("OURS-INV-000002", "54.00"),
    ]
    whole = api.get(f"/invoices/{items[0]['id']}").json()
    assert {name: whole[name] for name in items[0]} == items[0]
    (line,) = whole["lines"]
    assert line == {
        **line,
        "text": "Ceramic mug",
        "quantity": "12",
        "unit_price": "4.25",
        "net": "51.00",
        "tax": "10.20",
        "tax_rate": "20",
        "tax_rule": "VAT",
        "tax_rule_version": 1,
        "trade": trade,
        "source_ref": "O-1",
        "instruction": public_id(INSTRUCTION, first),
    }


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("customer=CUST-01", 2),
        ("customer=NOBODY", 0),
        ("entity=OURS&kind=INVOICE&currency=EUR", 2),
        ("kind=CREDIT_NOTE", 0),
        ("currency=USD", 0),
    ],
)
def test_lists_are_narrowed(api: Api, query: str, count: int):
    trade, _ = billed()
    assert len(api.get(f"/invoices?{query}").json()["items"]) == count
    assert len(api.get(f"/invoices?trade={trade}&{query}").json()["items"]) == count


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("kind=BILL", "query:kind"),
        ("trade=trd_x", "query:trade"),
        ("format=xml", "query:format"),
        ("cursor=bent", "query:cursor"),
        ("customer=%00", "query:customer"),
    ],
)
def test_a_bent_query_is_refused(api: Api, query: str, wrong: str):
    answer = api.get(f"/invoices?{query}")
    assert (answer.status_code, pointers(answer.json())) == (400, [wrong])


def test_csv_has_a_row_for_each_line(api: Api):
    billed()
    answer = api.get("/invoices?format=csv&limit=2")
    assert (answer["Content-Type"], 'rel="next"' in answer["Link"]) == ("text/csv; charset=utf-8", True)
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [(row["reference"], row["text"], row["gross"], row["due_date"]) for row in rows] == [
        ("OURS-INV-000001", "Ceramic mug", "61.20", "2026-12-23"),
        ("OURS-INV-000002", "Tea towel", "54.00", "2026-12-23"),
    ]
    second = api.get("/invoices").json()["items"][1]["id"]
    one = b"".join(api.get(f"/invoices/{second}?format=csv").streaming_content).decode().splitlines()
    assert (len(one), "Tea towel" in one[1]) == (2, True)
    assert api.get("/invoices/inv_x").status_code == 404


def test_a_return_is_credited_once_however_often_it_is_asked(api: Api):
    billed()
    (invoice, _) = api.get("/invoices").json()["items"]
    path = f"/invoices/{invoice['id']}/credits"
    first, second = (api.post(path, CREDIT, key="once") for _ in range(2))
    assert (first.status_code, first.json()) == (201, second.json())
    note = first.json()
    assert (note["kind"], note["credits"], note["net"], note["tax"]) == (
        "CREDIT_NOTE",
        "OURS-INV-000001",
        "12.75",
        "2.55",
    )
    assert api.get(first["Location"].removeprefix("/api/v1")).json() == note
    assert api.get(f"/invoices/{invoice['id']}").json()["credited"] == "15.30"
    assert len(documents()) == 3


def test_from_the_amount_on_a_credit_waits_for_a_person(api: Api):
    billed()
    invoice = api.get("/invoices").json()["items"][0]["id"]
    answer = api.post(f"/invoices/{invoice}/credits", {"reason": "all of it came back"})
    assert (answer.status_code, answer.json()["state"]) == (202, "PENDING")
    again = api.post(f"/invoices/{invoice}/credits", {"reason": "all of it came back"})
    assert (again.status_code, again.json()["code"]) == (409, "pending-proposal")
    assert len(documents()) == 2


@pytest.mark.parametrize(
    ("body", "status", "wrong"),
    [
        ({}, 400, ["/reason"]),
        ({"reason": "x", "lines": 5}, 400, ["/lines"]),
        (
            {"reason": "x", "lines": [5, {"line": "1", "net": 1.5, "sku": "A"}]},
            400,
            ["/lines/0", "/lines/1/line", "/lines/1/net", "/lines/1/sku"],
        ),
        ({"reason": " ", "lines": [{"line": 7}]}, 422, ["/lines/0/line", "/reason"]),
    ],
)
def test_every_fault_of_a_credit_is_named(api: Api, body, status: int, wrong: list[str]):
    billed()
    invoice = api.get("/invoices").json()["items"][0]["id"]
    answer = api.post(f"/invoices/{invoice}/credits", body)
    assert (answer.status_code, pointers(answer.json())) == (status, wrong)
    assert len(documents()) == 2
