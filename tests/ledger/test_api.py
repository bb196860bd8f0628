"""Positions, entries, lots and corporate actions over the API."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine

from core.ids import TRADE, public_id
from core.models import Proposal
from ledger.api.actions import read_actions, read_policy
from ledger.api.actions_schema import ACTIONS_EXAMPLE, POLICY_EXAMPLE
from ledger.services.posting import post_due
from refdata.models import Book
from tests.ledger.support import ACTOR, amend, post
from tests.ledger.test_actions import act, approve, terms
from tests.ledger.test_positions import share
from tests.support.api import Api, pointers
from tests.support.factories import EURO_SHARE, captured_ids, checked, fx, settle, world
from tests.support.records import LATER, NOW, TODAY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api():
    with time_machine.travel(LATER, tick=True):
        world()
        yield Api("ledger", scopes=["positions:read", "positions:propose"], sources=[])


def figures(api: Api, query: str = "") -> list[tuple[str | None, str, str, str]]:
    items = api.get(f"/positions?{query}").json()["items"]
    return [(each["instrument"], each["currency"], each["traded"], each["settled"]) for each in items]


def test_positions_are_listed_by_book_and_instrument_with_cash_first(api: Api):
    settle([checked(share("100", "10"))])
    captured_ids(share("-40", "11"), fx())
    post()
    assert figures(api) == [
        (None, "EUR", "999440", "-1000"), (None, "USD", "-1085000", "0"), (EURO_SHARE, "EUR", "60", "100"),
    ]  # fmt: skip
    assert figures(api, f"instrument={EURO_SHARE}") == [(EURO_SHARE, "EUR", "60", "100")]
    assert figures(api, "instrument=&currency=USD") == [(None, "USD", "-1085000", "0")]
    assert figures(api, "book=NONE") == figures(api, "party=NONE") == []


def test_positions_go_page_by_page_and_by_party(api: Api):
    captured_ids(share("100", "10"), share("5", "10", counterparty="CUST-01"), fx())
    post()
    found, cursor = [], ""
    for _ in range(8):
        told = api.get(f"/positions?by=party&limit=1&cursor={cursor}").json()
        found += [
            (each["instrument"] or each["currency"], each["party"], each["traded"]) for each in told["items"]
        ]
        cursor = told["next"]
        if cursor is None:
            break
    assert found == [
        ("EUR", "BROKER-01", "999000"), ("EUR", "CUST-01", "-50"), ("USD", "BROKER-01", "-1085000"),
        (EURO_SHARE, "BROKER-01", "100"), (EURO_SHARE, "CUST-01", "5"),
    ]  # fmt: skip


def test_positions_are_read_as_of_a_moment_and_a_business_date(api: Api):
    (early,) = captured_ids(share("100", "10", day=2))
    post(at=NOW)
    known = NOW + timedelta(minutes=1)
    assert figures(api, f"as_at={known.isoformat().replace('+', '%2B')}&instrument={EURO_SHARE}") == [
        (EURO_SHARE, "EUR", "100", "0")
    ]
    amend(early, quantity="70")
    captured_ids(share("5", "10"))
    post(at=LATER - timedelta(minutes=1))
    assert figures(api, f"instrument={EURO_SHARE}") == [(EURO_SHARE, "EUR", "75", "0")]
    assert figures(api, f"instrument={EURO_SHARE}&on={TODAY - timedelta(days=1)}") == [
        (EURO_SHARE, "EUR", "70", "0")
    ]
    then = known.isoformat().replace("+00:00", "Z")
    assert figures(api, f"as_at={then}&instrument={EURO_SHARE}") == [(EURO_SHARE, "EUR", "100", "0")]
    entries = api.get(f"/position-entries?as_at={then}&instrument={EURO_SHARE}").json()["items"]
    assert [(each["quantity"], each["reversed"]) for each in entries] == [("100", False)]


def test_the_entries_behind_a_figure_name_the_trade_versions(api: Api):
    (trade_id,) = captured_ids(share("100", "10"))
    post()
    amend(trade_id, quantity="70")
    post()
    act("CA-1", terms("SPLF", ex=1, new="2", old="1"))
    found, cursor = [], ""
    while cursor is not None:
        told = api.get(
            f"/position-entries?instrument={EURO_SHARE}&basis=TRADED&limit=2&cursor={cursor}"
        ).json()
        found += told["items"]
        cursor = told["next"]
    reference = public_id(TRADE, trade_id)
    assert [(each["trade"], each["version"], each["quantity"], each["reversed"]) for each in found] == [
        (reference, 1, "100", True), (reference, 2, "-100", False), (reference, 2, "70", False), (None, 1, "70", False),
    ]  # fmt: skip
    assert [each["reverses"] for each in found] == [None, found[0]["id"], None, None]
    assert found[-1]["corporate_action"] == "CA-1"
    assert (found[0]["amount"], found[0]["settlement_date"]) == ("1000.00", "2026-11-25")


def test_lots_and_what_became_of_them_name_both_trades(api: Api):
    first, second = captured_ids(share("100", "10", day=2), share("50", "12", day=1))
    (sale,) = captured_ids(share("-120", "15"))
    post()
    (lot,) = api.get("/lots?book=BOOK-1").json()["items"]
    assert (lot["trade"], lot["quantity"], lot["cost"], lot["unit_cost"], lot["refused"]) == (
        public_id(TRADE, second), "30", "360.00", "12", False,
    )  # fmt: skip
    moved = api.get(f"/lot-movements?instrument={EURO_SHARE}").json()["items"]
    closed = [(each["trade"], each["lot_trade"], each["gain"]) for each in moved if each["kind"] == "CLOSE"]
    reference = public_id(TRADE, sale)
    assert closed == [
        (reference, public_id(TRADE, first), "500.00"),
        (reference, public_id(TRADE, second), "60.00"),
    ]
    pages, cursor = [], ""
    while cursor is not None:
        told = api.get(f"/lot-movements?limit=1&cursor={cursor}").json()
        pages += told["items"]
        cursor = told["next"]
    assert pages == moved


def test_lots_are_read_as_of_a_moment_and_a_business_date(api: Api):
    (first,) = captured_ids(share("100", "10", day=2))
    post(at=NOW)
    known = NOW + timedelta(minutes=1)
    position = f"book=BOOK-1&instrument={EURO_SHARE}"
    then = f"{position}&as_at={known.isoformat().replace('+00:00', 'Z')}"
    assert told(api, f"/lots?{then}") == [("100", "1000.00")]
    amend(first, quantity="80")
    captured_ids(share("-30", "12"))
    post(at=LATER - timedelta(minutes=1))
    act("CA-1", terms("SPLF", ex=0, new="2", old="1"), at=LATER - timedelta(minutes=1))
    yesterday = TODAY - timedelta(days=1)
    assert told(api, f"/lots?{position}") == told(api, f"/lots?{position}&on={TODAY}") == [("130", "650.00")]
    assert told(api, f"/lots?{position}&on={yesterday}") == [("80", "800.00")]
    assert told(api, f"/lots?{position}&on={TODAY - timedelta(days=3)}") == []
    assert told(api, f"/lots?{then}") == [("100", "1000.00")]
    moved = api.get(f"/lot-movements?{position}&on={yesterday}").json()["items"]
    assert [(each["kind"], each["quantity"]) for each in moved] == [("OPEN", "80")]
    moved = api.get(f"/lot-movements?{then}").json()["items"]
    assert [(each["kind"], each["version"], each["quantity"]) for each in moved] == [("OPEN", 1, "100")]


def told(api: Api, path: str) -> list[tuple[str, str]]:
    return [(each["quantity"], each["cost"]) for each in api.get(path).json()["items"]]


def test_what_is_played_again_reads_as_what_is_kept(api: Api):
    captured_ids(share("100", "10", day=3), share("50", "11", day=2), share("-120", "12", day=1))
    post(at=NOW)
    act("CA-1", terms("SPLF", new="2", old="1"))
    position = f"book=BOOK-1&instrument={EURO_SHARE}"
    now = LATER.isoformat().replace("+00:00", "Z")
    for path in ("/lots", "/lot-movements"):
        kept = api.get(f"{path}?{position}").json()["items"]
        found, cursor = [], ""
        while cursor is not None:
            page = api.get(f"{path}?{position}&as_at={now}&limit=1&cursor={cursor}").json()
            found, cursor = found + page["items"], page["next"]
        assert len(found) == len(kept) > 0
        assert [{**each, "id": 0} for each in found] == [{**each, "id": 0} for each in kept]


def test_a_position_of_very_many_deals_is_not_played_again(api: Api, monkeypatch):
    captured_ids(share("100", "10"), share("50", "11"))
    post(at=NOW)
    monkeypatch.setattr("ledger.selectors.lots.FILLS_MAX", 1)
    now = LATER.isoformat().replace("+00:00", "Z")
    answer = api.get(f"/lots?book=BOOK-1&instrument={EURO_SHARE}&as_at={now}")
    assert (answer.status_code, answer.json()["code"]) == (413, "too-many-fills")


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/positions?on=soon", ["query:on"]),
        ("/positions?by=book", ["query:by"]),
        ("/positions?as_at=2030-01-01T00:00:00Z", ["query:as_at"]),
        ("/positions?limit=0", ["query:limit"]),
        ("/positions?cursor=abc", ["query:cursor"]),
        ("/position-entries?basis=HELD", ["query:basis"]),
        (f"/lots?book={'x' * 101}", ["query:book"]),
        ("/lots?as_at=2026-11-01T00:00:00Z", ["query:book", "query:instrument"]),
        ("/lot-movements?as_at=2026-11-01T00:00:00Z&book=BOOK-1&instrument=", ["query:instrument"]),
        ("/lots?on=soon", ["query:on"]),
    ],
)
def test_every_fault_of_a_question_is_named(api: Api, path, wrong):
    answer = api.get(path)
    assert (answer.status_code, pointers(answer.json())) == (400, wrong)


def test_a_cursor_belongs_to_its_moment(api: Api):
    captured_ids(share("1", "10"))
    post()
    cursor = api.get(f"/positions?limit=1&on={TODAY}").json()["next"]
    assert api.get(f"/positions?cursor={cursor}").status_code == 200
    assert api.get(f"/positions?cursor={cursor}&on=2026-01-01").status_code == 400


def test_an_action_is_proposed_by_a_client_and_set_by_a_person(api: Api):
    captured_ids(share("100", "10", day=2))
    post()
    body = {
        "actions": [{"reference": "CA-7", "type": "DVCA", "instrument": EURO_SHARE, "ex_date": "2026-11-22",
                     "currency": "EUR", "rate": "0.5"}],
        "reason": "as published",
    }  # fmt: skip
    answer = api.post("/corporate-actions", body)
    assert answer.status_code == 202
    assert api.get("/corporate-actions").json()["items"] == []
    approve(Proposal.objects.get().id)
    post_due(now=LATER, actor=ACTOR)
    (told,) = api.get(f"/corporate-actions?instrument={EURO_SHARE}").json()["items"]
    assert (told["reference"], told["version"], told["rate"], told["pay_date"], told["proposed_by"]) == (
        "CA-7", 1, "0.5", "2026-11-22", "ledger",
    )  # fmt: skip
    assert figures(api, "instrument=") == [(None, "EUR", "-950", "50")]


def test_every_fault_of_a_proposal_is_named(api: Api):
    answer = api.post("/corporate-actions", {"actions": [{"reference": "A", "colour": 1}, 5], "reason": ""})
    assert answer.status_code == 400
    assert pointers(answer.json()) == [
        "/actions/0/colour", "/actions/0/ex_date", "/actions/0/instrument", "/actions/0/type", "/actions/1", "/reason",
    ]  # fmt: skip
    good = {"reference": "A", "type": "SPLF", "instrument": EURO_SHARE, "ex_date": "2026-11-22", "new": "2"}
    answer = api.post("/corporate-actions", {"actions": [good], "reason": "x"})
    assert (answer.status_code, pointers(answer.json())) == (422, ["/actions/0/old"])
    answer = api.post(
        "/lot-policies", {"book": "NONE", "method": "HIFO", "valid_from": "2026-11-22", "reason": "x"}
    )
    assert (answer.status_code, pointers(answer.json())) == (400, ["/opens_short"])
    assert Proposal.objects.count() == 0


def test_a_policy_is_proposed_by_a_client(api: Api):
    Book.objects.create(code="EQ-US", desk="D", entity=Book.objects.get().entity)
    answer = api.post("/lot-policies", POLICY_EXAMPLE)
    assert (answer.status_code, answer.json()["book"]) == (202, "EQ-US")
    assert api.post("/lot-policies", {**POLICY_EXAMPLE, "book": "NONE"}).status_code == 422


def test_the_examples_can_be_read():
    actions, reason = read_actions(json.dumps(ACTIONS_EXAMPLE).encode())
    assert ([reference for reference, _ in actions], reason) == (
        ["CA-2026-0001", "CA-2026-0002"], "As the issuers have published.",
    )  # fmt: skip
    assert read_policy(json.dumps(POLICY_EXAMPLE).encode())[0] == "EQ-US"
