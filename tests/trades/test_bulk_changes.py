"""Many changes at once, each with its own answer; and in whichever order messages come, the same end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core import sql
from core.ids import TRADE, database_id, public_id
from tests.support.api import Api, pointers, problem
from tests.support.factories import captured_ids, check_everything, checked, equity, unit_trade, world
from tests.support.records import LATER, NOW, all_written, events_of, race, state_of, version_of
from trades.lifecycle import State
from trades.products.base import COLUMNS
from trades.services import change
from trades.services.early import apply_queued

D = Decimal


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db: None) -> Api:
    world()
    return Api()


def _bulk(api: Api, kind: str, items: Sequence[Any], *, mode: str = "partial", **how: Any) -> Any:
    return api.post(f"/trade-{kind}?mode={mode}", {"reason": "as agreed", "items": list(items)}, **how)


def _ref(trade_id: int) -> str:
    return public_id(TRADE, trade_id)


class TestManyChanges:
    def test_are_made_by_either_name_with_a_result_for_each(self, api: Api) -> None:
        one, two = checked(equity("E-1")), checked(unit_trade(2))
        answer = _bulk(api, "amendments", [
            {"id": _ref(one), "changes": {"quantity": "50"}},
            {"source": "FO-EQ", "source_ref": "U-2", "changes": {"trader": "x"}},
            {"source": "FO-EQ", "source_ref": "NONE", "changes": {"trader": "x"}},
            {"id": _ref(two), "changes": {"quantity": "many"}},
            {"id": _ref(one), "changes": {"quantity": "60"}},
            {"id": "trd_XX", "changes": {}},
            {"changes": {"trader": "x"}, "more": 1},
            7,
        ])  # fmt: skip
        assert answer.status_code == 207, answer.content
        told = answer.json()
        assert (told["changed"], told["refused"]) == (3, 5)
        assert [each["status"] for each in told["items"]] == [200, 200, 404, 422, 200, 400, 400, 400]
        assert pointers(told["items"][3]["problem"]) == ["/changes/quantity"]
        assert [each["version"] for each in (told["items"][0], told["items"][4])] == [2, 3]
        assert (state_of(one), version_of(one, 3)["quantity"]) == ((State.CAPTURED, 3), D(60))
        check_everything()
        assert state_of(two) == (State.VALIDATED, 2)

    def test_are_undone_together_when_one_is_refused(self, api: Api) -> None:
        one = checked(equity())
        before = all_written()
        answer = _bulk(
            api, "cancellations", [{"id": _ref(one)}, {"id": _ref(one + 999)}], mode="atomic"
        ).json()
        assert [each["status"] for each in answer["items"]] == [424, 404]
        assert all_written() == before

    def test_by_the_thousand_cancel_what_captures_made(self, api: Api) -> None:
        trade_ids = captured_ids(*(unit_trade(n) for n in range(300)))
        check_everything()
        told = _bulk(api, "cancellations", [{"id": _ref(each)} for each in trade_ids]).json()
        assert (told["changed"], told["refused"]) == (300, 0)
        assert sql.rows("SELECT state, version, count(*) FROM trades_state GROUP BY 1, 2") == [
            (State.CANCELLED.value, 2, 300)
        ]

    @pytest.mark.parametrize("kind", ["amendments", "cancellations"])
    def test_take_as_many_statements_as_few_and_write_each_state_once(self, api: Api, kind: str) -> None:
        trade_ids = captured_ids(*(unit_trade(n) for n in range(33)))
        check_everything()
        changes = {"changes": {"trader": "x"}} if kind == "amendments" else {}
        counts, writes = [], []
        _bulk(api, kind, [{"id": _ref(trade_ids[0]), **changes}])  # the first request of a client is noted
        for part in (trade_ids[1:3], trade_ids[3:]):
            with CaptureQueriesContext(connection) as asked:
                told = _bulk(api, kind, [{"id": _ref(each), **changes} for each in part]).json()
            assert told["changed"] == len(part)
            counts.append(len(asked))
            writes.append(sum("UPDATE trades_state " in each["sql"] for each in asked))
        assert (counts[0], writes) == (counts[1], [1, 1])

    @pytest.mark.parametrize("kind", ["amendments", "cancellations"])
    def test_are_the_same_in_many_runs_as_in_one(
        self, api: Api, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trade_ids = captured_ids(*(equity(f"E-{n}", quantity=str(n + 1)) for n in range(7)))
        check_everything()
        named: list[Any] = [{"id": _ref(each)} for each in [*trade_ids, trade_ids[0]]]
        if kind == "amendments":
            named = [{**each, "changes": {"trader": "x", "quantity": "5"}} for each in named]
            named[2]["changes"], named[5]["changes"] = {"quantity": "x"}, {"quantity": "6"}
        ends = []
        for run in (1_000, 2):
            monkeypatch.setattr(change, "RUN", run)
            with transaction.atomic():
                told = _bulk(api, kind, named).json()
                ends.append((
                    [(each["status"], each.get("version")) for each in told["items"]],
                    [(state_of(each), version_of(each, state_of(each)[1])["quantity"]) for each in trade_ids],
                    [[(*told[:2], *told[4:]) for told in events_of(each)] for each in trade_ids],
                ))  # fmt: skip
                transaction.set_rollback(True)
        assert ends[0] == ends[1]
        amended = [(200, 2), (200, 2), (422, None), (200, 2), (200, 2), (422, None), (200, 2), (422, None)]
        assert ends[0][0] == (amended if kind == "amendments" else [(200, 2)] * 7 + [(409, None)])

    def test_are_of_the_clients_own_sources(self, api: Api) -> None:
        trade_id = checked(equity("E-1"))
        other = Api("other", sources=["ELSEWHERE"])
        items = [{"id": _ref(trade_id)}, {"source": "FO-EQ", "source_ref": "E-1", "source_version": 2}]
        assert [each["status"] for each in _bulk(other, "cancellations", items).json()["items"]] == [404, 404]

    def test_have_a_reason_and_at_most_10000_items(self, api: Api) -> None:
        path = "/trade-cancellations"
        assert pointers(problem(api.post(path, {"items": [], "more": 1}), 400, "unreadable")) == [
            "/items",
            "/more",
        ]
        body = {"reason": " ", "items": [{"id": "x"}]}
        assert pointers(problem(api.post(path, body), 422, "invalid")) == ["/reason"]
        problem(api.post(path, {"reason": "r", "items": [1] * 10_001}), 413, "too-many-items")


# What a front office says of one deal, in its own order.
_MESSAGES: dict[str, dict[str, Any]] = {
    "new": {},
    "amend 2": {"source_version": 2, "changes": {"quantity": "200", "trader": "second"}},
    "amend 3": {"source_version": 3, "changes": {"price": "187.00", "trader": "third"}},
    "cancel 4": {"source_version": 4},
}


def _say(api: Api, what: str, ref: str) -> None:
    deal = {"source": "FO-EQ", "source_ref": ref}
    if what == "new":
        answer = api.trade(equity(ref, source_version=1, book="BOOK-1"))
        assert answer.status_code in {200, 201}, answer.content
        return
    kind = "cancellations" if "cancel" in what else "amendments"
    (item,) = _bulk(api, kind, [{**deal, **_MESSAGES[what]}]).json()["items"]
    assert item["status"] in {200, 202}, item


def _end(ref: str) -> tuple[Any, ...]:
    """Return where a deal stands, and what it says, but for its own reference."""
    ((trade_id,),) = sql.rows(
        "SELECT trade_id FROM trades_version WHERE source_ref = %s AND version = 1", [ref]
    )
    state, version = state_of(trade_id)
    terms = version_of(trade_id, version)
    return state, {name: terms[name] for name in COLUMNS if name != "source_ref"}


@pytest.mark.parametrize(
    "said", [("new", "amend 2", "amend 3"), tuple(_MESSAGES)], ids=["amended", "cancelled"]
)
@pytest.mark.parametrize("repeated", [False, True], ids=["once", "repeated"])
@pytest.mark.parametrize("eager", [False, True], ids=["checked last", "checked between"])
def test_messages_in_any_order_end_in_the_same_state(
    api: Api, said: tuple[str, ...], repeated: bool, eager: bool
) -> None:
    ends = []
    for number, order in enumerate(itertools.permutations(said)):
        ref = f"P-{number}"
        for what in (*order, *order) if repeated else order:
            _say(api, what, ref)
            if eager:
                check_everything()
        check_everything()
        ends.append(_end(ref))
    first_terms = ends[0][1]
    assert (first_terms["quantity"], first_terms["price"], first_terms["trader"]) == (D(200), D(187), "third")
    assert first_terms["net_amount"] == D(37400)
    assert [terms for _, terms in ends] == [first_terms] * len(ends)
    if "cancel 4" in said:
        assert {state for state, _ in ends} == {State.CANCELLED}
    assert sql.rows("SELECT count(*) FROM trades_early_change") == [(0,)]


class TestAMessageUnderANumber:
    def test_that_came_before_says_what_it_said(self, api: Api) -> None:
        trade_id = checked(equity("E-1", source_version=1))
        deal = {"source": "FO-EQ", "source_ref": "E-1", "source_version": 2}
        assert _bulk(api, "amendments", [{**deal, "changes": {"quantity": "5"}}]).json()["changed"] == 1
        before = all_written()
        same = _bulk(api, "amendments", [{**deal, "changes": {"quantity": "5"}}]).json()
        assert (same["unchanged"], same["items"][0]["outcome"]) == (1, "REPEATED")
        other = _bulk(api, "amendments", [{**deal, "changes": {"quantity": "6"}}]).json()
        assert other["items"][0]["problem"]["code"] == "source-version-conflict"
        assert all_written() == before
        assert state_of(trade_id)[1] == 2

    def test_older_than_the_deal_itself_changes_nothing(self, api: Api) -> None:
        trade_id = checked(equity("E-1", source_version=3))
        deal = {"source": "FO-EQ", "source_ref": "E-1", "source_version": 2}
        told = _bulk(api, "amendments", [{**deal, "changes": {"quantity": "5"}}]).json()
        assert (told["unchanged"], told["items"][0]["outcome"]) == (1, "OUTDATED")
        assert state_of(trade_id) == (State.VALIDATED, 1)

    def test_that_cannot_be_applied_when_its_deal_comes_is_told_of(self, api: Api) -> None:
        deal = {"source": "FO-EQ", "source_ref": "E-1", "source_version": 2}
        assert _bulk(api, "amendments", [{**deal, "changes": {"colour": "red"}}]).json()["waiting"] == 1
        trade_id = checked(equity("E-1", source_version=1))
        ((*_, data),) = events_of(trade_id, "trade.change_refused")
        assert [each["pointer"] for each in data["errors"]] == ["/changes/colour"]
        assert state_of(trade_id) == (State.VALIDATED, 1)

    def test_whose_deal_came_at_the_same_moment_is_applied_by_its_task(self, api: Api) -> None:
        deal = {"source": "FO-EQ", "source_ref": "E-1", "source_version": 2}
        _bulk(api, "cancellations", [deal])
        (trade_id,) = captured_ids(equity("E-1", source_version=1))
        sql.run("DELETE FROM core_work WHERE task = 'risk.check'")
        assert apply_queued(now=LATER) == 1
        assert state_of(trade_id) == (State.CANCELLED, 2)
        assert apply_queued(now=LATER) == 0


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.mark.parametrize("rounds", [8, pytest.param(1_000, marks=pytest.mark.nightly)])
    def test_two_tabs_make_one_change_and_one_refusal(self, rounds: int) -> None:
        world()
        trade_ids = captured_ids(*(unit_trade(n) for n in range(rounds)))
        check_everything()
        one, two = Api("one"), Api("two")
        for trade_id in trade_ids:
            path = f"/trades/{_ref(trade_id)}"
            headers = {"If-Match": one.get(path)["ETag"]}
            amend = {"reason": "r", "changes": {"trader": "x"}}
            answers = race(
                partial(one.post, f"{path}/amendments", amend, headers=headers),
                partial(two.post, f"{path}/cancellations", {"reason": "r"}, headers=headers),
            )
            assert sorted(each.status_code for each in answers) == [200, 412]
            assert state_of(trade_id)[1] == 2

    def test_a_deal_and_its_cancellation_end_cancelled(self) -> None:
        world()
        api = Api()
        for number in range(6):
            ref = f"R-{number}"
            deal = {"source": "FO-EQ", "source_ref": ref, "source_version": 2}
            answers = race(
                partial(api.trade, equity(ref, source_version=1)),
                partial(_bulk, api, "cancellations", [deal]),
                check_everything,
            )
            assert not [each for each in answers if isinstance(each, Exception)]
            trade_id = database_id(TRADE, answers[0].json()["id"])
            assert trade_id is not None
            check_everything()
            apply_queued(now=LATER)
            assert state_of(trade_id)[0] == State.CANCELLED
