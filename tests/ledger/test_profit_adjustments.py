"""What two people add to a book's profit is there from its first day until it reverses itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from core.http.problem import Problem
from core.models import Event, Proposal
from ledger.api.profit_review_schema import EXAMPLE
from ledger.models import ProfitAdjustment
from tests.ledger.profit_support import MONDAY, TUESDAY, WEDNESDAY, money, parts, propose_adjusting, tell
from tests.ledger.reconciling import approved
from tests.support.api import Api, pointers, problem
from tests.support.factories import EURO_SHARE, captured_ids, equity, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Iterator[Api]:
    with time_machine.travel(NOW, tick=False):
        world()
        yield Api("desk", sources=[])


@pytest.mark.django_db(transaction=True)  # a run knows what has been committed
def test_it_is_a_part_of_its_own_and_reverses_itself_on_its_last_day():
    world()
    approved(propose_adjusting(reverses_on=WEDNESDAY))
    approved(propose_adjusting(amount=Decimal(100), currency="USD", instrument=EURO_SHARE))
    assert parts(tell()) == money(adjustments="-1158", total="-1158")
    assert parts(tell(TUESDAY)) == money(adjustments="-92", total="-92")
    assert parts(tell(WEDNESDAY)) == money(adjustments="1250", total="1250")


@pytest.mark.django_db(transaction=True)
def test_one_that_is_approved_after_the_day_was_told_is_in_it_when_it_is_told_again_or_in_the_next():
    world()
    tell()
    approved(propose_adjusting(reverses_on=WEDNESDAY))
    assert parts(tell(TUESDAY)) == money(adjustments="-1250", total="-1250")
    assert parts(tell(reason="adjusted")) == money(adjustments="-1250", total="-1250")
    assert parts(tell(TUESDAY, reason="the day before was told again")) == money(total=0)


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"book": "NONE"}, "/book", "unknown"),
        ({"instrument": "NONE"}, "/instrument", "unknown"),
        ({"currency": "EUX"}, "/currency", "unknown"),
        ({"amount": Decimal(0)}, "/amount", "range"),
        ({"amount": Decimal("NaN")}, "/amount", "range"),
        ({"amount": Decimal("1e15")}, "/amount", "range"),
        ({"amount": Decimal("0.5"), "currency": "JPY"}, "/amount", "precision"),
        ({"reverses_on": MONDAY}, "/reverses_on", "range"),
        ({"reverses_on": MONDAY + timedelta(days=367)}, "/reverses_on", "range"),
        ({"valid_from": date(2026, 1, 5), "reverses_on": date(2026, 2, 2)}, "/reverses_on", "range"),
    ],
)
def test_what_cannot_be_one_is_refused_with_the_field_that_is_wrong(
    changes: dict[str, Any], pointer: str, code: str
):
    world()
    with pytest.raises(Problem) as refused:
        propose_adjusting(**changes)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [(pointer, code)]
    assert not Proposal.objects.exists()


def test_the_same_one_is_made_once():
    world()
    first = propose_adjusting()
    with pytest.raises(Problem, match="Another proposal waits"):
        propose_adjusting(amount=Decimal(-1250))  # the same amount, written otherwise
    approved(first)
    with pytest.raises(Problem, match="has been made already"):
        propose_adjusting()
    assert ProfitAdjustment.objects.count() == 1
    event = Event.objects.get(type="profit.adjusted")
    assert (event.actor, event.data["adjustment"], event.data["proposal_id"]) == (
        "user:checker", "-1250.00", first,
    )  # fmt: skip


def test_it_is_not_approved_once_its_last_day_has_come():
    world()
    waits = propose_adjusting()
    with pytest.raises(Problem, match="has come"):
        approved(waits, now=NOW + timedelta(days=1))
    assert not ProfitAdjustment.objects.exists()
    assert Proposal.objects.get(id=waits).state == "PENDING"


def test_what_is_at_stake_is_its_size_in_base_currency():
    world()
    known, unknown = propose_adjusting(currency="USD"), propose_adjusting(currency="CHF")
    assert Proposal.objects.get(id=known).content["amount"] == "1150.00"
    assert Proposal.objects.get(id=unknown).content["amount"] is None


class TestOverTheApi:
    BODY = {**EXAMPLE, "book": "BOOK-1"}

    def test_a_client_proposes_and_a_person_approves(self, api: Api):
        answers = [api.post("/profit/adjustments", self.BODY, key="once") for _ in range(2)]
        assert [each.status_code for each in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        assert api.get("/profit/adjustments").json() == {"items": [], "next": None}
        waiting = Proposal.objects.get()
        approved(waiting.id)
        (made,) = api.get("/profit/adjustments").json()["items"]
        assert made == {
            **self.BODY,
            "instrument": None,
            "proposal": answers[0].json()["proposal"],
            "proposed_by": "desk",
            "approved_by": "checker",
            "approved_at": "2026-11-23T14:00:00Z",
        }

    def test_they_come_page_by_page_the_latest_first(self, api: Api):
        for n in range(1, 4):
            approved(propose_adjusting(amount=Decimal(n)))
        page = api.get("/profit/adjustments?limit=2").json()
        rest = api.get(f"/profit/adjustments?limit=2&cursor={page['next']}").json()
        assert [each["amount"] for each in (*page["items"], *rest["items"])] == ["3.00", "2.00", "1.00"]

    def test_every_fault_is_named_by_its_pointer(self, api: Api):
        form = problem(api.post("/profit/adjustments", {"amount": 1.5, "colour": 1}), 400, "unreadable")
        wrong = ["/amount", "/book", "/colour", "/currency", "/reason", "/reverses_on", "/valid_from"]
        assert pointers(form) == wrong
        body = {**self.BODY, "book": "NONE", "instrument": "NONE", "amount": "0", "reverses_on": "2026-11-01"}
        faults = problem(api.post("/profit/adjustments", body), 422, "invalid")
        assert pointers(faults) == ["/amount", "/book", "/instrument", "/reverses_on"]
        assert not Proposal.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_of_a_book_leaves_the_parts_of_its_trades_as_they_are():
    world()
    captured_ids(equity(quantity="5", price="186"))
    before = parts(tell())
    approved(propose_adjusting())
    after = parts(tell(reason="adjusted"))
    assert after == {**before, "adjustments": Decimal(-1250), "total": before["total"] - 1250}
