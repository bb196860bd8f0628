"""An amendment or a cancellation is the next version of a trade, foreseen exactly, and refused whole."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import sql
from core.audit import Actor
from core.http.problem import Problem
from core.ids import TRADE, public_id
from core.models import ApprovalPolicy
from refdata.models import FxRate
from tests.support.api import Api, pointers, problem
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    fx,
    goods,
    limit,
    settle,
    unit_trade,
    used,
    world,
)
from tests.support.records import CLERK, LATER, NOW, all_written, events_of, person, state_of, version_of
from trades.lifecycle import State
from trades.models import ChangePolicy
from trades.services.change import Change
from trades.services.single_change import Answered, approve_change, change_trade, decline_change
from trades.services.supersession import Observation

D = Decimal


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db: None) -> Api:
    world()
    return Api()


def _path(trade_id: int, what: str = "amendments") -> str:
    return f"/trades/{public_id(TRADE, trade_id)}/{what}"


def _etag(api: Api, trade_id: int) -> str:
    return str(api.get(f"/trades/{public_id(TRADE, trade_id)}")["ETag"])


def _change(api: Api, trade_id: int, body: dict[str, Any], what: str = "amendments", **how: Any) -> Any:
    """Ask for a change, having just seen the trade."""
    headers = {"If-Match": _etag(api, trade_id)}
    return api.post(_path(trade_id, what), {"reason": "as agreed", **body}, headers=headers, **how)


def _differences(trade_id: int) -> dict[str, Any]:
    one, two = version_of(trade_id, 1), version_of(trade_id, 2)
    stamps = {"version", "recorded_at", "effective_at", "cause", "duplicate_key"}
    return {name: two[name] for name in one if name not in stamps and one[name] != two[name]}


class TestAnAmendment:
    def test_makes_the_next_version_with_what_follows_and_goes_back_to_the_checks(self, api: Api) -> None:
        trade_id = checked(equity())
        answer = _change(api, trade_id, {"changes": {"quantity": "200"}})
        assert answer.status_code == 200, answer.content
        told = answer.json()
        assert (told["outcome"], told["version"], told["status"]) == ("CHANGED", 2, "CAPTURED")
        assert answer["ETag"] == _etag(api, trade_id)
        amount = {
            "before": "18725.00",
            "after": "37450.00",
            "before_currency": "USD",
            "after_currency": "USD",
        }
        base = {"before": "17227.00", "after": "34454.00", "before_currency": "EUR", "after_currency": "EUR"}
        assert told["changes"] == [
            {"pointer": "/quantity", "before": "100", "after": "200"},
            {"pointer": "/gross_amount", **amount},
            {"pointer": "/net_amount", **amount},
            {"pointer": "/base_amount", **base},
        ]
        assert _differences(trade_id) == {
            "quantity": D(200), "gross_amount": D("37450"), "net_amount": D("37450"), "base_amount": D("34454"),
        }  # fmt: skip
        (amended,) = events_of(trade_id, "trade.amended")
        assert amended[1:5] == (2, "client:front", answer["X-Request-ID"], "as agreed")
        check_everything()
        assert state_of(trade_id) == (State.VALIDATED, 2)

    def test_of_a_captured_trade_is_what_the_checks_look_at(self, api: Api) -> None:
        (trade_id,) = captured_ids(equity())
        _change(api, trade_id, {"changes": {"counterparty": "NOBODY"}})
        assert state_of(trade_id) == (State.CAPTURED, 2)
        check_everything()
        assert state_of(trade_id) == (State.EXCEPTION, 2)
        assert "UNKNOWN_PARTY" in codes_of(trade_id)

    def test_null_has_an_amount_derived(self, api: Api) -> None:
        trade_id = checked(equity(net_amount="18000"))
        _change(api, trade_id, {"changes": {"net_amount": None}})
        assert _differences(trade_id) == {"net_amount": D("18725")}

    def test_keeps_a_stated_amount_that_does_not_follow(self, api: Api) -> None:
        trade_id = checked(equity(net_amount="18700"))
        _change(api, trade_id, {"changes": {"trader": "someone"}})
        assert _differences(trade_id) == {"trader": "someone"}

    def test_replaces_the_lines_of_an_order(self, api: Api) -> None:
        trade_id = checked(goods())
        line = {"sku": "SKU-1", "description": "Mug", "quantity": "2", "unit_price": "4"}
        _change(api, trade_id, {"changes": {"terms": {"lines": [line]}}})
        assert version_of(trade_id, 2)["net_amount"] == D("8")

    def test_reaches_into_the_terms_and_leaves_the_rest_of_them(self, api: Api) -> None:
        trade_id = checked(fx())
        changes = {"terms": {"sold": {"amount": "1090000.00"}, "rate": "1.09"}}
        assert _change(api, trade_id, {"changes": changes}).status_code == 200
        assert (version_of(trade_id, 2)["contra_amount"], version_of(trade_id, 2)["price"]) == (
            D(1090000),
            D("1.09"),
        )
        assert version_of(trade_id, 2)["contra_currency"] == "USD"

    def test_of_a_number_written_otherwise_is_none(self, api: Api) -> None:
        trade_id = checked(equity(net_amount="18000"))
        problem(_change(api, trade_id, {"changes": {"quantity": "100.00"}}), 422, "nothing-changed")

    def test_holds_since_when_it_is_told(self, api: Api) -> None:
        trade_id = checked(fx())
        body = {"changes": {"trader": "x"}, "effective_at": "2026-11-20T10:00:00+02:00"}
        assert _change(api, trade_id, body).status_code == 200
        assert version_of(trade_id, 2)["effective_at"].isoformat() == "2026-11-20T08:00:00+00:00"

    def test_names_every_fault_with_its_pointer_and_stores_nothing(self, api: Api) -> None:
        trade_id = checked(equity())
        before = all_written()
        body = {
            "changes": {"quantity": "many", "price": "1.12345678901", "source_ref": "other", "colour": "red"}
        }
        document = problem(_change(api, trade_id, body), 422, "invalid")
        assert pointers(document) == [
            "/changes/colour",
            "/changes/price",
            "/changes/quantity",
            "/changes/source_ref",
        ]
        assert all_written() == before

    @pytest.mark.parametrize(
        ("body", "status", "faults"),
        [
            ({"changes": {}}, 422, ["/changes"]),
            ({"changes": [1]}, 422, ["/changes"]),
            ({}, 422, ["/changes"]),
            ({"changes": {"trader": "x"}, "reason": " "}, 422, ["/reason"]),
            ({"changes": {"trader": "x"}, "reason": 7, "source_version": 0, "more": 1, "effective_at": "now"}, 400,
             ["/effective_at", "/more", "/reason", "/source_version"]),
            ({"changes": {"trader": "a\u0000b"}}, 400, ["/changes/trader"]),
            ({"changes": {"trader": "jdoe"}}, 422, []),
        ],
    )  # fmt: skip
    def test_is_refused_for_its_form(self, api: Api, body: Any, status: int, faults: list[str]) -> None:
        trade_id = checked(equity())
        answer = _change(api, trade_id, body)
        assert answer.status_code == status, answer.content
        assert pointers(answer.json()) == faults
        assert state_of(trade_id) == (State.VALIDATED, 1)

    def test_needs_to_have_seen_the_trade(self, api: Api) -> None:
        trade_id = checked(equity())
        body = {"reason": "r", "changes": {"trader": "x"}}
        assert pointers(problem(api.post(_path(trade_id), body), 428, "precondition-required")) == [
            "header:If-Match"
        ]
        stale = api.post(_path(trade_id), body, headers={"If-Match": '"1-1"'})
        assert problem(stale, 412, "stale-version")["version"] == 1
        assert stale["ETag"] == _etag(api, trade_id)
        assert state_of(trade_id) == (State.VALIDATED, 1)

    def test_is_made_once_under_a_key(self, api: Api) -> None:
        trade_id = checked(equity())
        headers = {"If-Match": _etag(api, trade_id)}
        body = {"reason": "r", "changes": {"trader": "x"}}
        first = api.post(_path(trade_id), body, headers=headers, key="once")
        again = api.post(_path(trade_id), body, headers=headers, key="once")
        assert (first.status_code, again.status_code) == (200, 200)
        assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
        assert state_of(trade_id)[1] == 2

    def test_is_not_for_the_trades_of_other_sources(self, api: Api) -> None:
        trade_id = checked(equity())
        headers = {"If-Match": _etag(api, trade_id)}
        other = Api("other", sources=["ELSEWHERE"])
        body = {"reason": "r", "changes": {"trader": "x"}}
        problem(other.post(_path(trade_id), body, headers=headers), 404, "not-found")

    @pytest.mark.parametrize("what", ["amendments", "cancellations"])
    def test_of_a_settled_or_cancelled_trade_is_refused(self, api: Api, what: str) -> None:
        settled, cancelled = checked(equity()), checked(equity())
        settle([settled])
        _change(api, cancelled, {}, "cancellations")
        body = {"changes": {"trader": "x"}} if what == "amendments" else {}
        before = all_written()
        problem(_change(api, settled, body, what), 409, "settled")
        problem(_change(api, cancelled, body, what), 409, "cancelled")
        assert all_written() == before


class TestACancellation:
    def test_frees_its_limits_and_closes_what_is_open(self, api: Api) -> None:
        limit(hard="1000", warn="50")
        trade_id = checked(unit_trade(1, price="5000"))
        kept = checked(unit_trade(2))
        assert (codes_of(trade_id), used()) == (["LIMIT_BREACH"], {"BROKER-01": D(10100)})
        told = _change(api, trade_id, {}, "cancellations").json()
        assert (told["outcome"], told["version"], told["status"]) == ("CHANGED", 2, "CANCELLED")
        assert told["effects"]["limits"] == [
            {"key": "CPTY BROKER-01", "before": {"used": "10000.00", "currency": "EUR"}, "after": None}
        ]
        assert [each["key"] for each in told["effects"]["exceptions"]] == ["LIMIT"]
        assert used() == {"BROKER-01": D(100)}
        assert (codes_of(trade_id), state_of(trade_id)) == ([], (State.CANCELLED, 2))
        assert version_of(trade_id, 2)["cause"] == "CANCEL"
        assert _differences(trade_id) == {}
        (row,) = sql.rows("SELECT resolution FROM trades_exception WHERE trade_id = %s", [trade_id])
        assert row == ("cancelled: as agreed",)
        assert state_of(kept)[0] == State.EXCEPTION
        ((*_, reason, _),) = events_of(trade_id, "trade.cancelled")
        assert reason == "as agreed"


class TestADryRun:
    def test_says_what_the_checks_and_limits_would_and_stores_nothing(self, api: Api) -> None:
        limit(hard="500")
        trade_id = checked(unit_trade(1))
        before = all_written()
        body = {"changes": {"price": "500"}}
        headers = {"If-Match": _etag(api, trade_id)}
        answer = api.post(f"{_path(trade_id)}?dry_run=true", {"reason": "r", **body}, headers=headers, key="")
        told = answer.json()
        assert answer.status_code == 200, answer.content
        assert (told["dry_run"], told["status"], told["version"]) == (True, "EXCEPTION", 2)
        assert told["effects"]["limits"] == [
            {
                "key": "CPTY BROKER-01",
                "before": {"used": "100.00", "currency": "EUR"},
                "after": {"used": "1000.00", "currency": "EUR"},
            }
        ]
        assert [each["key"] for each in told["effects"]["findings"]] == ["LIMIT_BREACH CPTY BROKER-01"]
        assert all_written() == before
        assert used() == {"BROKER-01": D(100)}

    def test_is_refused_as_the_change_itself(self, api: Api) -> None:
        trade_id = checked(equity())
        path = f"{_path(trade_id)}?dry_run=true"
        body = {"reason": "r", "changes": {"quantity": "x"}}
        problem(api.post(path, body, key=""), 428, "precondition-required")
        headers = {"If-Match": _etag(api, trade_id)}
        problem(api.post(path, body, headers=headers, key=""), 422, "invalid")


_PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "quantity": st.integers(1, 400).map(str),
        "price": st.decimals(1, 400, places=2).map(str),
        "counterparty": st.sampled_from(["BROKER-01", "CUST-01", "NOBODY"]),
        "book": st.sampled_from(["BOOK-1", "BOOK-2"]),
        "trader": st.sampled_from(["jdoe", "mm"]),
        "net_amount": st.none() | st.integers(1, 90_000).map(str),
        "settlement_date": st.sampled_from(["2026-11-25", "2026-11-28", "2026-11-20"]),
    },
).filter(bool)


class TestForesight(TestCase):
    """What a dry run says is what comes of the change and of the checks after it."""

    @settings(max_examples=25, deadline=None)
    @given(patch=_PATCHES, cancel=st.booleans(), price=st.sampled_from(["187.25", "900"]))
    def test_a_dry_run_is_the_change(self, patch: dict[str, Any], cancel: bool, price: str) -> None:
        world()
        limit(hard="40000", warn="20000")
        checked(equity())
        trade_id = checked(equity(price=price))
        asked = Change("CANCEL", trade_id, "r") if cancel else Change("AMEND", trade_id, "r", changes=patch)

        def make(*, dry_run: bool) -> Answered | str:
            try:
                return change_trade(change=asked, actor=CLERK, now=LATER, dry_run=dry_run)
            except Problem as problem:
                return problem.code

        before = all_written()
        foreseen = make(dry_run=True)
        assert all_written() == before
        observation = Observation([trade_id], LATER)
        made = make(dry_run=False)
        if isinstance(foreseen, str) or isinstance(made, str):
            assert made == foreseen
            return
        check_everything(now=LATER)
        assert foreseen.changed == made.changed
        assert (foreseen.state, foreseen.changed.version) == state_of(trade_id)
        assert foreseen.effects == observation.effects()


class TestTwoPeople:
    def _policy(self, **fields: Any) -> None:
        ChangePolicy.objects.create(**fields)

    def test_a_change_above_an_amount_waits_for_a_second_person(self, api: Api) -> None:
        self._policy(kind="CANCEL", base_amount=D("1000"))
        trade_id, small = checked(equity()), checked(unit_trade(1))
        answer = _change(api, trade_id, {}, "cancellations")
        assert answer.status_code == 202, answer.content
        told = answer.json()
        assert (told["outcome"], told["status"], told["needs_approval"]) == ("PROPOSED", "CANCELLED", True)
        assert state_of(trade_id) == (State.VALIDATED, 1)
        assert _change(api, trade_id, {"changes": {"trader": "x"}}).status_code == 200
        assert _change(api, small, {}, "cancellations").status_code == 200

    @pytest.mark.parametrize(("quantity", "status"), [("54", 202), ("53", 200)], ids=["reaches it", "below"])
    def test_an_amendment_counts_with_what_it_comes_to(self, api: Api, quantity: str, status: int) -> None:
        trade_id = checked(equity(quantity="1"))
        worth = version_of(trade_id, 1)["base_amount"]
        self._policy(kind="AMEND", base_amount=worth * 53 + D("0.01"))
        assert _change(api, trade_id, {"changes": {"quantity": quantity}}).status_code == status

    def test_an_amendment_that_makes_a_deal_small_counts_with_what_it_was(self, api: Api) -> None:
        self._policy(kind="AMEND", base_amount=D("17000"))
        trade_id = checked(equity())
        assert _change(api, trade_id, {"changes": {"quantity": "1"}}).status_code == 202

    def test_another_currency_counts_with_what_the_deal_is_worth_in_it(self, api: Api) -> None:
        trade_id = checked(unit_trade(0, currency="EUR"))
        self._policy(kind="AMEND", base_amount=D("100.01"))
        FxRate.objects.update_or_create(currency="GBP", date=NOW.date(), defaults={"rate": D("2")})
        assert _change(api, trade_id, {"changes": {"currency": "GBP"}}).status_code == 202
        assert state_of(trade_id) == (State.VALIDATED, 1)

    def test_an_amendment_to_a_size_nobody_knows_in_base_currency_needs_two(self, api: Api) -> None:
        trade_id = checked(unit_trade(0, currency="EUR"))
        self._policy(kind="AMEND", base_amount=D("1000000"))
        assert _change(api, trade_id, {"changes": {"currency": "ISK"}}).status_code == 202

    def test_an_approval_makes_it_and_a_refusal_does_not(self, api: Api) -> None:
        self._policy()
        checker, act = person("checker"), Actor("user:checker")
        one, two = checked(equity()), checked(unit_trade(3))
        for trade_id, decide in ((one, approve_change), (two, decline_change)):
            _change(api, trade_id, {"changes": {"quantity": "50"}})
            problem(_change(api, trade_id, {}, "cancellations"), 409, "pending-proposal")
            (proposal_id,) = sql.row("SELECT id FROM core_proposal WHERE state = 'PENDING'") or ()
            decide(proposal_id=proposal_id, user=checker, note="seen", actor=act, now=LATER)
        assert state_of(one) == (State.CAPTURED, 2)
        assert version_of(one, 2)["quantity"] == D(50)
        assert state_of(two) == (State.VALIDATED, 1)

    def test_of_much_takes_the_amount_typed_in_by_both(self, api: Api) -> None:
        self._policy()
        ApprovalPolicy.objects.create(kind="change", typed_from=D("1000"))
        trade_id = checked(equity())
        body = {"changes": {"quantity": "200"}}
        foreseen = api.post(
            f"{_path(trade_id, 'amendments')}?dry_run=true",
            {"reason": "as agreed", **body},
            headers={"If-Match": _etag(api, trade_id)},
        ).json()["approval"]
        assert foreseen["currency"] == "EUR"
        assert foreseen["amount_required"]
        amount = foreseen["amount"]
        assert D(amount) > D("30000")  # what it becomes: twice what it is
        for typed, code in (({}, "missing"), ({"amount": "17227.00"}, "mismatch")):
            refused = problem(_change(api, trade_id, {**body, **typed}), 422, "invalid")
            assert [(each["pointer"], each["code"]) for each in refused["errors"]] == [("/amount", code)]
        assert not sql.rows("SELECT FROM core_proposal")
        assert _change(api, trade_id, {**body, "amount": amount}).status_code == 202
        (proposal_id,) = sql.row("SELECT id FROM core_proposal") or ()
        how = {"proposal_id": proposal_id, "user": person("checker"), "note": "", "now": LATER}
        with pytest.raises(Problem, match="cannot be done like this"):
            approve_change(**how, actor=Actor("user:checker"), typed="1")
        approve_change(**how, actor=Actor("user:checker"), typed=amount)
        assert state_of(trade_id) == (State.CAPTURED, 2)

    def test_that_wait_outlive_a_change_that_changes_nothing(self, api: Api) -> None:
        self._policy(kind="CANCEL")
        trade_id = checked(equity())
        _change(api, trade_id, {}, "cancellations")
        before = sql.rows("SELECT * FROM core_proposal")
        quantity = str(version_of(trade_id, 1)["quantity"])
        assert _change(api, trade_id, {"changes": {"quantity": quantity}}).status_code == 422
        assert sql.rows("SELECT * FROM core_proposal") == before
        assert _change(api, trade_id, {"changes": {"quantity": "50"}}).status_code == 200
        assert sql.rows("SELECT state FROM core_proposal") == [("VOID",)]

    def test_nobody_decides_on_a_trade_that_has_changed_since(self, api: Api) -> None:
        self._policy(states=[State.VALIDATED.value])
        trade_id = checked(equity())
        _change(api, trade_id, {"changes": {"quantity": "50"}})
        ChangePolicy.objects.all().delete()
        _change(api, trade_id, {"changes": {"trader": "x"}})
        assert sql.rows("SELECT state, decision_note FROM core_proposal") == [
            ("VOID", "the trade has changed")
        ]
