"""The journal over the API: what was entered, what stands, what accounts are called and which books are closed."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from core.http.problem import Problem
from core.ids import PROPOSAL, TRADE, database_id, public_id
from ledger.accounts import CHART
from ledger.api.journal import entry_document, read_accounts, read_closing
from ledger.api.journal_schema import ACCOUNTS_EXAMPLE, CLOSING_EXAMPLE
from ledger.models import AccountName, PeriodClosing
from ledger.selectors import journal as selectors
from refdata.models import Book
from tests.ledger.journal_support import entries, journal
from tests.ledger.support import amend, post
from tests.ledger.test_actions import approve
from tests.support.api import Api, pointers
from tests.support.factories import captured_ids, equity, fx, wait_for, world
from tests.support.records import LATER, NOW, TODAY

pytestmark = pytest.mark.django_db
YESTERDAY = (TODAY - timedelta(days=1)).isoformat()


@pytest.fixture
def api():
    with time_machine.travel(LATER, tick=True):
        world()
        yield Api("ledger", scopes=["journal:read", "journal:propose"], sources=[])


def posted(*documents: dict) -> list[int]:
    ids = captured_ids(*documents)
    post()
    journal()
    return ids


class TestEntries:
    def test_name_rule_trade_version_price_and_day(self, api: Api):
        (trade_id,) = posted(equity())
        (told,) = _rows(trade_id)
        assert {name: told[name] for name in ("rule", "rule_version", "trade", "version", "reverses")} == {
            "rule": "TRADE_DATE",
            "rule_version": 1,
            "trade": public_id(TRADE, trade_id),
            "version": 1,
            "reverses": None,
        }
        assert [
            (each["account"], each["debit"], each["credit"], each["price"]) for each in told["postings"]
        ] == [
            ("INVENTORY", "18725.00", "0.00", "187.25"),
            ("PAYABLE", "0.00", "18725.00", "187.25"),
        ]

    def test_say_what_reverses_them(self, api: Api):
        (trade_id,) = posted(equity())
        amend(trade_id, quantity="50")
        post()
        journal()
        first, back, second = _rows(trade_id)
        assert (first["reversed_by"], back["reverses"]) == (back["id"], first["id"])
        assert (second["version"], second["reversed_by"]) == (2, None)

    def test_are_narrowed_by_what_they_are_of(self, api: Api):
        (share, exchange) = posted(equity(), fx())
        assert {row["trade"] for row in _rows(account="INVENTORY")} == {public_id(TRADE, share)}
        assert {row["currency"] for row in _rows(exchange)} == {"EUR", "USD"}
        assert _rows(book="NONE") == _rows(last=YESTERDAY) == _rows(rule="SETTLEMENT") == []

    @pytest.mark.parametrize(
        ("query", "wrong"),
        [
            ("account=NOSTRO&rule=X", ["query:account", "query:rule"]),
            ("trade=trd_1&first=soon", ["query:first", "query:trade"]),
            ("entity=%00", ["query:entity"]),
            ("cursor=x", ["query:cursor"]),
        ],
    )
    def test_name_every_fault_of_a_question(self, api: Api, query: str, wrong: list[str]):
        answer = api.get(f"/journal-entries?{query}")
        assert (answer.status_code, pointers(answer.json())) == (400, wrong)


def _rows(trade_id: int | None = None, **query: str) -> list[dict]:
    """Return entries as the API tells of them once their transaction has ended."""
    which = selectors.Which(trade_id=trade_id, **query)
    return [entry_document(row) for row in selectors.list_by_day(which=which, limit=100)]


class TestTheBooks:
    def test_close_when_two_people_say_so(self, api: Api):
        answer = api.post(
            "/ledger-periods", {"entity": "OURS", "closed_through": YESTERDAY, "reason": "agreed"}
        )
        assert answer.status_code == 202, answer.content
        (told,) = [row for row in api.get("/ledger-periods").json()["items"] if row["entity"] == "OURS"]
        assert (told["state"], told["closed_through"], told["closing_through"]) == (
            "CLOSING",
            None,
            YESTERDAY,
        )
        approve(database_id(PROPOSAL, answer.json()["proposal"]) or 0)
        (told,) = [row for row in api.get("/ledger-periods").json()["items"] if row["entity"] == "OURS"]
        assert (told["state"], told["closed_through"], told["proposed_by"]) == ("OPEN", YESTERDAY, "ledger")
        posted(equity(trade_date=YESTERDAY))
        assert {row[3:] for row in entries()} == {(TODAY - timedelta(days=1), TODAY)}

    @pytest.mark.parametrize(
        ("changes", "wrong"),
        [
            ({"closed_through": TODAY.isoformat()}, ["/closed_through"]),
            ({"entity": "BROKER-01", "reason": " "}, ["/entity", "/reason"]),
        ],
    )
    def test_stay_open_for_what_cannot_be(self, api: Api, changes: dict, wrong: list[str]):
        said = {"entity": "OURS", "closed_through": YESTERDAY, "reason": "agreed"} | changes
        answer = api.post("/ledger-periods", said)
        assert (answer.status_code, pointers(answer.json())) == (422, wrong)

    def test_are_not_closed_twice(self, api: Api):
        said = {"entity": "OURS", "closed_through": YESTERDAY, "reason": "agreed"}
        waits = database_id(PROPOSAL, api.post("/ledger-periods", said).json()["proposal"]) or 0
        assert api.post("/ledger-periods", said).status_code == 409
        ours = world_entity()
        PeriodClosing(entity_id=ours, closed_through=TODAY, proposal_id=0, approved_at=NOW).save(
            force_insert=True
        )
        with pytest.raises(Problem, match="closed through"):
            approve(waits)
        assert pointers(api.post("/ledger-periods", {**said, "reason": "again"}).json()) == [
            "/closed_through"
        ]


def world_entity() -> int:
    return Book.objects.get(code="BOOK-1").entity_id


class TestAccounts:
    def test_have_the_names_of_the_chart_until_two_people_give_them_others(self, api: Api):
        items = api.get("/ledger-accounts?entity=OURS").json()["items"]
        assert [each["account"] for each in items] == [each.code for each in CHART]
        assert (items[0]["number"], items[0]["name"]) == (None, CHART[0].name)
        said = {
            "entity": "OURS",
            "accounts": [{"account": "INVENTORY", "number": "1400-10", "name": "Positions"}],
            "reason": "as booked",
        }
        proposal = api.post("/ledger-accounts", said).json()["proposal"]
        approve(database_id(PROPOSAL, proposal) or 0)
        named = api.get("/ledger-accounts?entity=OURS").json()["items"][0]
        assert (named["number"], named["name"]) == ("1400-10", "Positions")
        assert api.post("/ledger-accounts", said).status_code == 409
        posted(equity())
        balance = api.get("/trial-balance?entity=OURS&currency=USD").json()["items"]
        assert [(each["number"], each["name"], each["closing"]) for each in balance] == [
            ("1400-10", "Positions", "18725.00"),
            (None, "Payable to counterparties", "-18725.00"),
        ]

    def test_are_refused_with_every_fault(self, api: Api):
        accounts = [
            {"account": "NOSTRO", "number": "1", "name": "x"},
            {"account": "CASH", "number": "-", "name": " "},
            {"account": "CASH", "number": "2", "name": "x"},
        ]
        answer = api.post("/ledger-accounts", {"entity": "NONE", "accounts": accounts, "reason": "why"})
        assert (answer.status_code, pointers(answer.json())) == (
            422,
            [
                "/accounts/0/account",
                "/accounts/1/name",
                "/accounts/1/number",
                "/accounts/2/account",
                "/entity",
            ],
        )
        assert not AccountName.objects.exists()

    def test_of_nobody_are_not_found(self, api: Api):
        assert api.get("/ledger-accounts?entity=NONE").status_code == 404


def test_a_trial_balance_has_what_was_there_before_its_days_and_adds_up_to_nought(api: Api):
    posted(equity(trade_date=YESTERDAY), equity(quantity="10"))
    items = api.get(f"/trial-balance?first={TODAY}&last={TODAY}").json()["items"]
    assert [
        tuple(each[name] for name in ("account", "opening", "debit", "credit", "closing")) for each in items
    ] == [
        ("INVENTORY", "18725.00", "1872.50", "0.00", "20597.50"),
        ("PAYABLE", "-18725.00", "0.00", "1872.50", "-20597.50"),
    ]
    assert sum(Decimal(each["closing"]) for each in items) == 0
    assert api.get("/trial-balance?as_at=2030-01-01T00:00:00Z").status_code == 400


def test_the_examples_can_be_read():
    entity, accounts, _ = read_accounts(_json(ACCOUNTS_EXAMPLE))
    assert (entity, [each.account for each in accounts]) == ("MERIDIAN-UK", ["INVENTORY", "CASH"])
    assert read_closing(_json(CLOSING_EXAMPLE))[0] == "MERIDIAN-UK"
    with pytest.raises(Problem) as refused:
        read_accounts(b'{"entity": 1, "accounts": [1, {"account": "CASH"}]}')
    assert {fault.pointer for fault in refused.value.faults} >= {
        "/entity",
        "/accounts/0",
        "/accounts/1/number",
    }


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.django_db(transaction=True)
def test_entries_go_page_by_page_in_the_order_of_commit_and_none_is_missed():
    with time_machine.travel(LATER, tick=True):
        world()
        api = Api("ledger", scopes=["journal:read"], sources=[])
        posted(equity(), fx())
        told = wait_for(lambda: len(found := _pages(api)) == 3 and found, seconds=60)
    assert sorted((each["rule"], each["currency"]) for each in told) == [
        ("TRADE_DATE", "EUR"),
        ("TRADE_DATE", "USD"),
        ("TRADE_DATE", "USD"),
    ]


def _pages(api: Api) -> list[dict]:
    """Return what the pages tell from the first on: nothing yet of what another's open transaction may precede."""
    found, cursor = [], ""
    while cursor is not None and len(found) < 5:
        page = api.get("/journal-entries", limit="1", cursor=cursor).json()
        found, cursor = found + page["items"], page["next"]
    return found
