"""A front office sees why its own deals are held and answers; nobody sees or touches those of another."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine

from core.ids import EXCEPTION, TRADE, public_id
from tests.support.api import Api, pointers, problem
from tests.support.factories import checked, equity, fx, world
from tests.support.records import CLERK, NOW, all_written, events_of, person, state_of
from trades.lifecycle import State
from trades.models import Comment, ExceptionItem
from trades.services.comments import comment
from trades.services.exceptions import NewException, open_exceptions
from trades.work_items import About

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def held(transactional_db) -> list[ExceptionItem]:
    """Return the exceptions of an equity of FO-EQ and of an exchange of FO-FX, both with an unknown party."""
    world()
    trades = [checked(equity(counterparty="NOBODY-9")), checked(fx(counterparty="NOBODY-9"))]
    return [ExceptionItem.objects.get(trade_id=each) for each in trades]


def _ref(item: ExceptionItem) -> str:
    return public_id(EXCEPTION, item.id)


@pytest.fixture
def front(held) -> Api:
    return Api("fo-eq", sources=["FO-EQ"])


class TestReading:
    def test_an_item_says_why_what_it_risks_whose_move_it_is_and_what_comes_next(self, front, held) -> None:
        item = held[0]
        item.refresh_from_db()
        found = front.get(f"/exceptions/{_ref(item)}").json()
        assert {
            name: found[name] for name in ("id", "trade", "source", "status", "kind", "codes", "causes")
        } == {
            "id": _ref(item),
            "trade": public_id(TRADE, item.trade_id),
            "source": "FO-EQ",
            "status": "OPEN",
            "kind": "FINDING",
            "codes": ["UNKNOWN_PARTY"],
            "causes": ["UNKNOWN_PARTY NOBODY-9"],
        }
        assert (found["move"], found["currency"], found["comments"]) == ("REFERENCE_DATA", "EUR", [])
        assert found["next_action"]
        assert found["amount_at_risk"] == f"{item.amount_at_risk:.2f}"
        assert found["deadline"] == item.deadline.isoformat().replace("+00:00", "Z")

    def test_an_item_on_no_trade_says_what_it_is_about_to_who_is_bound_to_no_source(
        self, front, held
    ) -> None:
        item = NewException(
            None, "FIGURE", ["WRONG_FIGURE"], "wrong", about=About("limit", 7, "BROKER-01"),
        )  # fmt: skip
        open_exceptions(items=[item], at=NOW, actor=CLERK)
        desk = Api("desk")
        (found,) = desk.get("/exceptions", kind="FIGURE").json()["items"]
        assert (found["trade"], found["source"], found["links"]["trade"]) == (None, None, None)
        assert found["about"] == {"subject": "limit", "id": public_id("limit", 7), "member": "BROKER-01"}
        assert front.get("/exceptions", kind="FIGURE").json()["items"] == []
        assert front.get(f"/exceptions/{found['id']}").status_code == 404
        assert desk.get(f"/exceptions/{found['id']}").json()["move"] == "RISK"

    def test_a_list_has_what_is_of_the_clients_sources(self, front, held) -> None:
        everybody = Api("desk")
        assert [each["id"] for each in front.get("/exceptions").json()["items"]] == [_ref(held[0])]
        assert [each["id"] for each in everybody.get("/exceptions").json()["items"]] == [*map(_ref, held)]

    def test_a_list_is_narrowed_and_goes_on_by_its_cursor(self, held) -> None:
        api = Api("desk")
        cause = {"cause": "UNKNOWN_PARTY NOBODY-9"}
        first = api.get("/exceptions", limit=1, **cause).json()
        second = api.get("/exceptions", limit=1, cursor=first["next"], **cause).json()
        assert [each["id"] for each in first["items"] + second["items"]] == [*map(_ref, held)]
        assert api.get("/exceptions", cursor=second["next"], **cause).json() == {"items": [], "next": None}
        for query in ({"move": "RISK"}, {"kind": "FAIL"}, {"code": "X"}, {"status": "closed"}):
            assert api.get("/exceptions", **query).json()["items"] == []

    @pytest.mark.parametrize(
        ("query", "place"),
        [
            ({"status": "both"}, "query:status"),
            ({"move": "MINE"}, "query:move"),
            ({"kind": "X"}, "query:kind"),
            ({"code": "a\0"}, "query:code"),
            ({"limit": "0"}, "query:limit"),
            ({"cursor": "x"}, "query:cursor"),
        ],
    )
    def test_a_bent_query_is_named(self, held, query, place) -> None:
        answer = Api("desk").get("/exceptions", **query)
        assert pointers(problem(answer, 400, "unreadable")) == [place]

    def test_what_is_said_among_ourselves_is_not_shown(self, front, held) -> None:
        comment(exception_id=held[0].id, text="the client is late", actor=CLERK, now=NOW)
        comment(exception_id=held[0].id, text="Which party?", audience="FRONT_OFFICE", actor=CLERK, now=NOW)
        found = front.get(f"/exceptions/{_ref(held[0])}").json()
        assert [(each["author"], each["text"]) for each in found["comments"]] == [
            ("user:clerk", "Which party?")
        ]
        assert found["move"] == "FRONT_OFFICE"


class TestAnswering:
    def _ask(self, item: ExceptionItem) -> None:
        comment(exception_id=item.id, text="Which party?", audience="FRONT_OFFICE", actor=CLERK, now=NOW)

    def test_an_answer_is_read_by_all_and_is_the_move_of_operations_again(self, front, held) -> None:
        self._ask(held[0])
        answer = front.post(f"/exceptions/{_ref(held[0])}/comments", {"text": " BROKER-01, sorry. "})
        assert answer.status_code == 201
        said = [each["text"] for each in front.get(f"/exceptions/{_ref(held[0])}/comments").json()["items"]]
        assert said == ["Which party?", "BROKER-01, sorry."]
        assert answer.json()["author"] == "client:fo-eq"
        held[0].refresh_from_db()
        assert held[0].move == "OPERATIONS"
        (asked,) = events_of(held[0].trade_id, "exception.asked")
        (answered,) = events_of(held[0].trade_id, "exception.answered")
        assert (asked[5]["text"], answered[5]["text"]) == ("Which party?", "BROKER-01, sorry.")
        assert answered[2] == "client:fo-eq"

    def test_the_same_answer_again_is_one(self, front, held) -> None:
        first, again = (
            front.post(f"/exceptions/{_ref(held[0])}/comments", {"text": "yes"}, key="once") for _ in range(2)
        )
        assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
        assert Comment.objects.count() == 1

    @pytest.mark.parametrize(
        ("body", "status", "place"),
        [
            (b"[]", 400, ""),
            ({"text": 1}, 400, "/text"),
            ({}, 400, ""),
            ({"text": "x", "audience": "INTERNAL"}, 400, ""),
            ({"text": " "}, 422, "/text"),
            ({"text": "x" * 4001}, 422, "/text"),
            ({"text": "a\0b"}, 422, "/text"),
        ],
    )
    def test_what_cannot_be_read_or_stored_is_refused(self, front, held, body, status, place) -> None:
        before = all_written()
        answer = front.post(f"/exceptions/{_ref(held[0])}/comments", body)
        assert answer.status_code == status
        assert pointers(answer.json()) == [place]
        assert all_written() == before

    def test_another_source_is_as_if_it_were_not_there(self, front, held) -> None:
        before = all_written()
        path = f"/exceptions/{_ref(held[1])}"
        for answer in (
            front.get(path),
            front.get(f"{path}/comments"),
            front.post(f"{path}/comments", {"text": "x"}),
            front.get("/exceptions/exc_nonsense"),
        ):
            problem(answer, 404, "not-found")
        assert all_written() == before

    @pytest.mark.parametrize(
        ("path", "scope"),
        [("/exceptions/{}/comments", "exceptions:answer"), ("/exception-actions", "exceptions:work")],
    )
    def test_each_change_needs_its_scope(self, held, path, scope) -> None:
        reader = Api("reader", scopes=["exceptions:read"])
        answer = reader.post(path.format(_ref(held[0])), {"text": "x"})
        assert problem(answer, 403, "missing-scope")["scope"] == scope


class TestActing:
    def _act(self, api: Api, action: str, ids: list[str], query: str = "", **rest: Any) -> dict[str, Any]:
        answer = api.post(f"/exception-actions{query}", {"action": action, "ids": ids, **rest})
        assert answer.status_code == 207, answer.content
        return answer.json()

    def test_each_item_has_its_result_and_those_of_other_sources_are_unknown(self, front, held) -> None:
        asked = [_ref(held[1]), _ref(held[0]), "exc_nonsense"]
        none = "There is no such exception."
        found = self._act(front, "re-check", asked, reason="the party is in")
        assert found == {
            "done": 1, "unchanged": 0, "refused": 0, "unknown": 2,
            "items": [
                {"index": 0, "status": 404, "id": asked[0], "outcome": "UNKNOWN", "detail": none},
                {"index": 1, "status": 200, "id": asked[1], "outcome": "DONE"},
                {"index": 2, "status": 404, "id": asked[2], "outcome": "UNKNOWN", "detail": none},
            ],
        }  # fmt: skip
        assert [state_of(each.trade_id)[0] for each in held] == [State.CAPTURED, State.EXCEPTION]

    def test_a_dry_run_says_the_same_and_keeps_nothing(self, held) -> None:
        api, ids = Api("desk"), [*map(_ref, held)]
        before = all_written()
        foreseen = self._act(api, "reject", ids, "?dry_run=true", reason="called off")
        assert all_written() == before
        assert self._act(api, "reject", ids, reason="called off") == foreseen

    def test_an_assignment_names_a_user(self, held) -> None:
        person("ann")
        self._act(Api("desk"), "assign", [_ref(held[0])], owner="ann", reason="knows the client")
        assert Api("other").get(f"/exceptions/{_ref(held[0])}").json()["owner"] == "ann"

    @pytest.mark.parametrize(
        ("body", "status", "places"),
        [
            ({"action": "claim", "ids": ["exc_1"]}, 422, ["/action"]),
            ({"action": "fly", "ids": ["exc_1"]}, 422, ["/action"]),
            (
                {"action": "assign", "ids": ["exc_1"], "owner": "a\0", "reason": "x"},
                422,
                ["/owner"],
            ),
            ({"action": "reject", "ids": []}, 422, ["/ids", "/reason"]),
            (
                {"action": "snooze", "ids": ["exc_1"], "until": "2026-11-24T09:00:00", "reason": "x"},
                400,
                ["/until"],
            ),
            ({"action": "snooze", "ids": ["exc_1"], "until": "soon", "reason": "x"}, 400, ["/until"]),
            ({"action": "reject", "ids": "all"}, 400, ["/ids"]),
            (b"{", 400, [""]),
        ],
    )
    def test_what_cannot_be_done_is_named(self, held, body, status, places) -> None:
        api = Api("desk")
        before = all_written()
        answer = api.post("/exception-actions", body)
        assert answer.status_code == status, answer.content
        assert pointers(answer.json()) == places
        assert all_written() == before
