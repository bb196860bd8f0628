"""The API of causes: what waits for what, of the client's sources, and its release together."""

from __future__ import annotations

import pytest
import time_machine

from tests.support.api import Api, pointers
from tests.support.factories import checked, equity, fx, world
from tests.support.records import NOW, all_written, events_of, state_of
from trades.lifecycle import State
from trades.models import ExceptionItem

CAUSE = "UNKNOWN_PARTY NOBODY-9"


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def held(db) -> list[int]:
    """Return three held trades: two of one cause, of two sources, and one with a cause more."""
    world()
    both = {"counterparty": "NOBODY-9"}
    return [checked(equity(**both)), checked(fx(**both)), checked(equity(**both, price="900"))]


def _causes(api: Api) -> dict[str, dict[str, object]]:
    return {each["cause"]: each for each in api.get("/exception-causes").json()["items"]}


class TestTheList:
    def test_says_how_many_for_how_much_and_what_would_end_it(self, held) -> None:
        found = _causes(Api("desk"))[CAUSE]
        items = ExceptionItem.objects.all()
        assert (found["count"], found["count_alone"], found["count_unowned"]) == (3, 2, 3)
        assert found["amount_at_risk"] == f"{sum(each.amount_at_risk for each in items):.2f}"
        assert (found["currency"], found["waits_for"]) == ("EUR", ["parties"])
        assert found["moves"] == ["OPERATIONS", "REFERENCE_DATA"]
        assert found["deadline"] == min(each.deadline for each in items).isoformat().replace("+00:00", "Z")

    def test_counts_only_what_is_of_the_clients_sources(self, held) -> None:
        assert _causes(Api("fx", sources=["FO-FX"]))[CAUSE]["count"] == 1
        assert _causes(Api("nobody", sources=["ELSEWHERE"])) == {}


class TestARelease:
    def _release(self, api: Api, **more: object):
        return api.post("/exception-causes/releases", {"cause": CAUSE, "reason": "the party came", **more})

    def test_sends_all_that_the_cause_holds_to_the_checks_with_a_result_for_each(self, held) -> None:
        answer = self._release(Api("desk"))
        assert answer.status_code == 207, answer.content
        told = answer.json()
        assert (told["done"], told["refused"], told["more"]) == (3, 0, False)
        assert [each["status"] for each in told["items"]] == [200, 200, 200]
        assert [state_of(each)[0] for each in held] == [State.CAPTURED] * 3
        (event,) = events_of(held[0], "trade.rechecked")
        assert (event[2], event[4]) == ("client:desk", "the party came")

    def test_leaves_alone_what_is_of_other_sources(self, held) -> None:
        assert self._release(Api("fx", sources=["FO-FX"])).json()["done"] == 1
        assert [state_of(each)[0] for each in held] == [State.EXCEPTION, State.CAPTURED, State.EXCEPTION]

    def test_that_is_only_tried_keeps_nothing(self, held) -> None:
        api = Api("desk")
        before = all_written()
        told = api.post(
            "/exception-causes/releases?dry_run=true", {"cause": CAUSE, "reason": "the party came"}
        ).json()
        assert told["done"] == 3
        assert all_written() == before

    def test_of_what_nothing_waits_for_does_nothing(self, held) -> None:
        told = self._release(Api("desk"), cause="NOTHING").json()
        assert (told["done"], told["items"], told["more"]) == (0, [], False)

    def test_takes_the_most_urgent_and_says_that_there_are_more(self, held, monkeypatch) -> None:
        monkeypatch.setattr("trades.api.causes.MAX_ITEMS", 2)
        told = self._release(Api("desk")).json()
        assert (told["done"], told["more"]) == (2, True)

    @pytest.mark.parametrize(
        ("body", "status", "places"),
        [
            ({"reason": "x"}, 400, [""]),
            ({"cause": "", "reason": "x"}, 400, ["/cause"]),
            ({"cause": "x" * 201, "reason": "x"}, 400, ["/cause"]),
            ({"cause": CAUSE, "reason": " "}, 422, ["/reason"]),
            ({"cause": CAUSE, "reason": "x", "all": True}, 400, [""]),
        ],
    )
    def test_names_what_is_wrong_with_it_and_changes_nothing(self, held, body, status, places) -> None:
        api = Api("desk")
        before = all_written()
        answer = api.post("/exception-causes/releases", body)
        assert answer.status_code == status
        assert pointers(answer.json()) == places
        assert all_written() == before
