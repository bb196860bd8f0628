"""A client that is limited to desks reads, captures and changes trades of these, and is told of no other."""

from __future__ import annotations

import pytest
from django.http import HttpResponse

from core import ids, sql
from core.http.problem import Problem
from feed.services.webhooks import create_webhook
from refdata.models import Book
from tests.support import factories, records
from tests.support.api import Api, pointers, problem
from tests.support.records import state_of
from trades.lifecycle import State
from trades.models import ExceptionItem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _two_desks(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("transactional_db" if request.cls is TestReading else "db")
    world = factories.world()
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=world.ours)


@pytest.fixture
def limited() -> Api:
    return Api("limited", desks=["DESK-2"])


@pytest.fixture
def trades() -> tuple[str, str]:
    """Return the references of a trade of either desk, the other's first."""
    theirs, own = factories.captured_ids(
        factories.equity("T-1"), factories.equity("T-2", book="BOOK-2", trader="ours")
    )
    return ids.public_id(ids.TRADE, theirs), ids.public_id(ids.TRADE, own)


def _own(ref: str = "T-9", **changed: object) -> dict[str, object]:
    return {**factories.equity(ref, book="BOOK-2"), **changed}


@pytest.mark.django_db(transaction=True)  # a list tells of what is committed
class TestReading:
    def test_finds_its_desks_trades_and_no_other(self, limited: Api, trades: tuple[str, str]) -> None:
        theirs, own = trades
        assert [each["id"] for each in limited.get("/trades").json()["items"]] == [own]
        for path in ("", "/events", "/allocations"):
            assert limited.get(f"/trades/{own}{path}").status_code == 200
            problem(limited.get(f"/trades/{theirs}{path}"), 404, "not-found")
        assert [each["id"] for each in Api().get("/trades").json()["items"]] == [theirs, own]

    def test_finds_its_desks_exceptions_and_no_other(self, limited: Api, trades: tuple[str, str]) -> None:
        items = {}
        for each in trades:
            number = ids.database_id(ids.TRADE, each)
            assert number is not None
            records.hold(number)
            items[each] = ids.public_id(ids.EXCEPTION, ExceptionItem.objects.get(trade_id=number).id)
        theirs, own = (items[each] for each in trades)
        assert [each["id"] for each in limited.get("/exceptions").json()["items"]] == [own]
        for path in ("", "/comments"):
            assert limited.get(f"/exceptions/{own}{path}").status_code == 200
            problem(limited.get(f"/exceptions/{theirs}{path}"), 404, "not-found")

    def test_is_refused_all_that_is_about_the_whole_firm(self, limited: Api, trades: tuple[str, str]) -> None:
        for path in (
            "/settlement-batches",
            "/events",
            "/webhooks",
            "/limits",
            f"/trades/{trades[1]}/evidence",
        ):
            problem(limited.get(path), 403, "bound-to-desks")
        problem(limited.post(f"/trades/{trades[1]}/allocations", {}), 403, "bound-to-desks")


class TestCapturing:
    def test_takes_deals_of_its_books_once_and_refuses_others(self, limited: Api) -> None:
        assert limited.trade(_own(), key="once").status_code == 201
        assert limited.trade(_own(), key="once")["Idempotency-Replayed"] == "true"
        assert limited.trade(_own()).status_code == 200
        for other in ("BOOK-1", "NO-SUCH"):
            refused = problem(limited.trade(_own("T-8", book=other)), 403, "foreign-book")
            assert pointers(refused) == ["/book"]
            problem(limited.dry_run(_own("T-8", book=other)), 403, "foreign-book")
        assert limited.dry_run(_own("T-7")).json()["outcome"] == "CREATED"
        assert sql.rows("SELECT source_ref FROM trades_version") == [("T-9",)]

    def test_takes_batches_of_its_books_item_by_item(self, limited: Api, trades: tuple[str, str]) -> None:
        sent = [_own("T-5"), factories.equity("T-6"), _own("T-1"), _own("T-2", trader="ours")]
        items = limited.batch(sent).json()["items"]
        assert [each["status"] for each in items] == [201, 403, 409, 200]
        codes = [each["problem"]["code"] for each in items[1:3]]
        assert codes == ["foreign-book", "reference-taken"]
        assert trades[0] not in str(items)

    def test_is_told_nothing_of_another_desks_trade_of_the_same_reference(
        self, limited: Api, trades: tuple[str, str]
    ) -> None:
        for answer in (limited.trade(_own("T-1")), limited.dry_run(_own("T-1"))):
            refused = problem(answer, 409, "reference-taken")
            assert "trade" not in refused
            assert pointers(refused) == []


class TestChanging:
    @pytest.fixture(autouse=True)
    def _reader(self) -> None:
        self.reader = Api("reader")

    def change(self, api: Api, trade: str, what: str, **body: object) -> HttpResponse:
        etag = self.reader.get(f"/trades/{trade}")["ETag"]
        return api.post(f"/trades/{trade}/{what}", {"reason": "x", **body}, headers={"If-Match": etag})

    def test_amends_and_cancels_its_own_and_moves_none_to_another_book(
        self, limited: Api, trades: tuple[str, str]
    ) -> None:
        theirs, own = trades
        moved = self.change(limited, own, "amendments", changes={"book": "BOOK-1"})
        assert pointers(problem(moved, 403, "foreign-book")) == ["/changes/book"]
        answer = self.change(limited, own, "amendments", changes={"quantity": "77"})
        assert (answer.status_code, answer.json()["effects"]) == (200, {})
        problem(self.change(limited, theirs, "cancellations"), 404, "not-found")
        number = ids.database_id(ids.TRADE, own)
        assert number is not None
        assert self.change(limited, own, "cancellations").status_code == 200
        assert state_of(number)[0] == State.CANCELLED


def test_a_desk_that_no_book_is_of_is_refused() -> None:
    with pytest.raises(Problem, match="No book is of the desk NOWHERE"):
        factories.api_client("lost", desks=["NOWHERE"])


def test_a_client_of_desks_is_given_no_webhook(limited: Api) -> None:
    with pytest.raises(Problem, match="told nothing by webhook"):
        create_webhook(
            client_id=limited.client.id,
            sources=[],
            url="https://example.com/",
            types=[],
            actor=records.CLERK,
            now=records.NOW,
        )
