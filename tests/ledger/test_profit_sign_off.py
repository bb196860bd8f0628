"""Two people sign off a day book by book: the very figures they were shown, and nothing while flags are open."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from core import sql
from core.http.problem import Problem
from core.models import Event, Proposal
from ledger.models import FlagAcceptance, ProfitRun, ProfitSignOff
from ledger.selectors.profit import find_run
from ledger.selectors.profit_figures import flags_of
from ledger.selectors.profit_review import books_of
from ledger.services.profit_flags import accept_flag
from refdata.models import Book, Party
from tests.ledger.profit_support import (
    CONTROLLER,
    FRIDAY,
    MONDAY,
    TUESDAY,
    accept_all,
    prepare,
    propose_adjusting,
    tell,
)
from tests.ledger.reconciling import approved
from tests.ledger.support import amend, cancel
from tests.support.api import Api
from tests.support.factories import EURO_SHARE, captured_ids, equity, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db(transaction=True)  # a run knows what has been committed


def second_book() -> None:
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=Party.objects.get(code="OURS"))


def unpriced(**changes: str) -> dict:
    return equity(instrument=EURO_SHARE, currency="EUR", price="10", **changes)


def books(number: int | None = None) -> dict[str, dict]:
    run = find_run(day=MONDAY, number=number)
    assert run is not None
    return {each["book"]: each for each in books_of(run=run)}


@pytest.fixture
def told() -> int:
    """Tell a day of one trade that makes 4.60; return its trade."""
    world()
    (trade,) = captured_ids(equity(quantity="5", price="186"))
    tell()
    return trade


class TestFlags:
    def test_keep_the_books_that_they_touch_from_being_signed_until_a_person_accepts_them(self):
        world()
        second_book()
        captured_ids(unpriced(quantity="5"), equity(quantity="5", book="BOOK-2"))
        run = tell()
        assert {code: each["open_flags"] for code, each in books().items()} == {"BOOK-1": 1, "BOOK-2": 0}
        with pytest.raises(Problem, match="Flags are open"):
            prepare()
        approved(prepare(book="BOOK-2"))
        accept_all()
        proposal = Proposal.objects.get(id=prepare())
        assert proposal.content["accepted"] == [
            {"of": EURO_SHARE, "flag": "MISSING", "reason": "as the desk said"}
        ]
        approved(proposal.id)
        assert [each["is_signed"] for each in books().values()] == [True, True]
        assert find_run(day=MONDAY)["signed_at"] == NOW  # type: ignore[index]
        event = Event.objects.get(type="profit.flag_accepted")
        assert (event.subject_id, event.data["instrument"], event.reason) == (
            run, EURO_SHARE, "as the desk said",
        )  # fmt: skip

    def test_are_accepted_once_with_a_reason_for_the_end_of_a_day(self):
        world()
        captured_ids(unpriced(quantity="5"))
        tell(kind=ProfitRun.Kind.INTRADAY)
        with pytest.raises(Problem, match="told to its end"):
            accept_all()
        (flag,) = flags_of(run_id=tell())
        for day, number, reason, code in (
            (MONDAY, flag["id"], " ", "invalid"),
            (TUESDAY, flag["id"], "so", "not-found"),
            (MONDAY, flag["id"] + 100, "so", "not-found"),
        ):
            with pytest.raises(Problem) as refused:
                accept_flag(day=day, price_id=number, reason=reason, now=NOW, actor=CONTROLLER)
            assert refused.value.code == code
        accept_all()
        with pytest.raises(Problem, match="accepted already"):
            accept_all()
        assert FlagAcceptance.objects.get().reason == "as the desk said"

    def test_are_open_again_when_the_day_is_told_again(self):
        world()
        captured_ids(unpriced(quantity="5"))
        tell()
        accept_all()
        tell(reason="again")
        assert books()["BOOK-1"]["open_flags"] == 1


AGAINST: dict[str, Callable[[int], object]] = {
    "figures-changed": lambda trade: tell(reason="a price was wrong"),
    "opening-restated": lambda trade: tell(FRIDAY, reason="a price was wrong"),
    "trades-came": lambda trade: captured_ids(equity(quantity="1")),
    "adjusted": lambda trade: approved(propose_adjusting()),
    "signed-off": lambda trade: approved(prepare()),
}


class TestADay:
    def test_is_signed_as_it_was_shown(self, told: int):
        proposal = Proposal.objects.get(id=prepare())
        assert proposal.content["total"] == "4.60"
        assert books()["BOOK-1"]["pending_id"] == proposal.id
        approved(proposal.id)
        state = books()["BOOK-1"]
        assert (state["is_signed"], state["signed_total"], state["difference"]) == (True, Decimal("4.6"), 0)
        assert (state["maker"], state["checker"], state["pending_id"]) == ("maker", "checker", None)

    @pytest.mark.parametrize("code", AGAINST)
    def test_is_not_signed_nor_prepared_when_something_has_changed(self, code: str):
        world()
        tell(FRIDAY)
        (trade,) = captured_ids(equity(quantity="5", price="186"))
        tell()
        waits = None if code == "signed-off" else prepare()
        AGAINST[code](trade)
        before = ProfitSignOff.objects.count()
        for sign in [prepare] if waits is None else [prepare, lambda: approved(waits)]:
            with pytest.raises(Problem) as refused:
                sign()
            assert refused.value.code == code
        assert ProfitSignOff.objects.count() == before

    @pytest.mark.parametrize("change", [cancel, lambda trade: amend(trade, quantity="7")])
    def test_is_not_signed_when_a_trade_of_it_has_changed(self, told: int, change: Callable[[int], None]):
        change(told)
        with pytest.raises(Problem, match="Trades have come or changed"):
            prepare()

    def test_is_signed_whatever_comes_for_another_book_or_a_later_day(self, told: int):
        second_book()
        captured_ids(equity(book="BOOK-2"), equity(on=TUESDAY))
        approved(prepare())
        assert books()["BOOK-1"]["is_signed"]

    def test_is_not_prepared_before_its_end_nor_without_a_reason_nor_of_what_is_not_there(self, told: int):
        tell(TUESDAY, ProfitRun.Kind.INTRADAY)
        for asked, code in (
            ({"day": TUESDAY}, "day-not-ended"),
            ({"run": 7}, "not-found"),
            ({"book": "NONE"}, "not-found"),
        ):
            with pytest.raises(Problem) as refused:
                prepare(**asked)  # type: ignore[arg-type]
            assert refused.value.code == code
        assert not Proposal.objects.exists()

    def test_keeps_what_was_signed_whatever_is_tried_on_the_database(self, told: int):
        approved(prepare())
        signed = ProfitSignOff.objects.get()
        for statement in (
            "UPDATE ledger_profit_sign_off SET signed_at = now()",
            "DELETE FROM ledger_profit_sign_off",
            "INSERT INTO ledger_profit_sign_off (run_id, book_id, proposal_id, signed_at)"
            " SELECT run_id, book_id, proposal_id + 1, signed_at FROM ledger_profit_sign_off",
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                sql.run(statement)
        assert ProfitSignOff.objects.get() == signed


class TestARestatement:
    def test_stands_beside_what_was_signed_until_two_people_sign_it_too(self, told: int):
        approved(prepare())
        captured_ids(equity(quantity="100", price="186"))
        tell(reason="a trade came late")
        state = books()["BOOK-1"]
        assert (state["is_signed"], state["signed_run"], state["open_flags"]) == (False, 1, 0)
        assert (state["total"], state["signed_total"], state["difference"]) == (
            Decimal("96.6"), Decimal("4.6"), Decimal(92),
        )  # fmt: skip
        assert books(1)["BOOK-1"]["is_signed"]
        proposal = Proposal.objects.get(id=prepare(2))
        assert proposal.content["before"] == {"run": 1, "total": "4.60"}
        assert proposal.content["total"] == "96.60"
        assert proposal.content["parts"][0] == {"part": "new_trades", "now": "96.60", "signed": "4.60"}
        assert proposal.content["told_again_because"] == "a trade came late"
        approved(proposal.id)
        assert (books()["BOOK-1"]["signed_run"], books(1)["BOOK-1"]["signed_run"]) == (2, 1)
        assert ProfitSignOff.objects.count() == 2

    def test_names_a_book_that_was_signed_and_of_which_nothing_is_left(self, told: int):
        approved(prepare())
        cancel(told)
        tell(reason="called off")
        state = books()["BOOK-1"]
        assert (state["total"], state["signed_total"], state["difference"]) == (
            0, Decimal("4.6"), Decimal("-4.6"),
        )  # fmt: skip
        approved(prepare(2))
        assert books()["BOOK-1"]["is_signed"]

    def test_voids_what_waited_for_the_run_before_it_when_it_is_prepared(self, told: int):
        waited = prepare()
        tell(reason="a price was wrong")
        assert books()["BOOK-1"]["pending_id"] is None
        now_waits = prepare(2)
        assert Proposal.objects.get(id=waited).state == "VOID"
        with pytest.raises(Problem, match="Another proposal waits"):
            prepare(2)
        approved(now_waits)

    def test_is_told_over_the_api(self, told: int):
        api = Api(sources=[])
        approved(prepare())
        captured_ids(equity(quantity="100", price="186"))
        tell(reason="a trade came late")
        answer = api.get("/profit/days/2026-11-23/sign-offs").json()
        assert (answer["run"], answer["reason"], answer["signed_off_at"]) == (2, "a trade came late", None)
        assert answer["items"] == [
            {
                "book": "BOOK-1",
                "total": "96.60",
                "open_flags": 0,
                "signed": {
                    "run": 1,
                    "total": "4.60",
                    "signed_at": "2026-11-23T14:00:00Z",
                    "prepared_by": "maker",
                    "signed_by": "checker",
                },
                "difference": "92.00",
                "pending": None,
            }
        ]
        assert api.get("/profit/days/2026-11-23/sign-offs?run=1").json()["items"][0]["difference"] == "0.00"


def test_books_come_page_by_page_with_what_is_of_no_known_book_last():
    world()
    second_book()
    captured_ids(*(equity(quantity="5", price="186", book=book) for book in ("BOOK-2", "NO-BOOK", "BOOK-1")))
    tell()
    api, seen, cursor = Api("desk", sources=[]), [], ""
    for _ in range(4):
        page = api.get(f"/profit/days/2026-11-23/sign-offs?limit=1&cursor={cursor}").json()
        seen += [each["book"] for each in page["items"]]
        cursor = page["next"] or ""
        if not cursor:
            break
    assert seen == ["BOOK-1", "BOOK-2", None]
    whole = api.get("/profit/days/2026-11-23/sign-offs").json()
    assert ([each["book"] for each in whole["items"]], whole["next"]) == (seen, None)
