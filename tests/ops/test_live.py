"""Open pages ask what is new: lists tell the rows that differ, records who else is there and whether they moved."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import redis
import time_machine
from django.http import HttpResponse
from django.test import Client

from core.ids import EXCEPTION, TRADE, public_id
from ops import presence
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, check_everything, equity
from tests.support.records import LATER, NOW
from trades.models import ExceptionItem
from trades.selectors import blotter


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


@pytest.fixture
def held(world: World) -> ExceptionItem:
    captured_ids(equity(counterparty="NOBODY-8"), equity(counterparty="NOBODY-9"))
    check_everything()
    item = ExceptionItem.objects.order_by("id").first()
    assert item is not None
    return item


def _mark(page: HttpResponse) -> str:
    (mark,) = re.findall(r'data-live="([^"]*)"', page.content.decode())
    return mark


class TestAList:
    @pytest.mark.parametrize("path", ["/trades?status=exception", "/exceptions?view=unassigned"])
    def test_that_is_as_it_was_says_only_as_of_when(self, held, desk, path: str) -> None:
        mark = _mark(desk.get(path))
        with time_machine.travel(LATER, tick=False):
            told = desk.get(f"{path}&since={mark}")
        assert (told.status_code, told.content, told["X-As-Of"]) == (204, b"", "14:05:00")

    def test_tells_its_rows_and_counts_when_they_differ(self, held, desk, sign_in) -> None:
        mark = _mark(desk.get("/exceptions"))
        sign_in("operations", name="bob").post(f"/exceptions/{public_id(EXCEPTION, held.id)}/claim")
        told = desk.get(f"/exceptions?since={mark}")
        page = told.content.decode()
        keys = [public_id(EXCEPTION, each) for each in ExceptionItem.objects.values_list("id", flat=True)]
        assert set(re.findall(r'data-key="([^"]+)"', page)) == set(keys)
        assert '<span data-live-text="unassigned">1</span>' in page
        assert "bob" in page
        assert desk.get(f"/exceptions?since={_mark(told)}").status_code == 204

    def test_of_trades_differs_with_a_new_one(self, held, desk) -> None:
        mark = _mark(desk.get("/trades"))
        (new,) = captured_ids(equity())
        page = desk.get(f"/trades?since={mark}").content.decode()
        assert f'data-key="{public_id(TRADE, new)}"' in page
        assert "<nav" not in page

    def test_that_takes_long_to_look_through_is_asked_seldom_and_may_fail(
        self, held, desk, monkeypatch
    ) -> None:
        assert "data-slow" not in desk.get("/trades?status=exception").content.decode()
        assert "data-slow" in desk.get("/trades?product=EQUITY").content.decode()

        def give_up(*_: Any, **__: Any) -> blotter.Page:
            raise blotter.TooBroad

        monkeypatch.setattr(blotter, "page", give_up)
        assert desk.get("/trades?product=EQUITY&since=x").status_code == 503

    def test_of_the_past_is_not_asked_again(self, held, desk) -> None:
        path = f"/as-of/{NOW.isoformat().replace('+00:00', 'Z')}/trades"
        assert "data-live" not in desk.get(path).content.decode()
        assert "<nav" in desk.get(f"{path}?since=x").content.decode()


@pytest.fixture
def at(held, redis_client) -> str:
    return f"/presence?of={public_id(EXCEPTION, held.id)}"


class TestPresence:
    def test_names_who_else_has_a_record_open_and_forgets_them_soon(self, at, desk, sign_in) -> None:
        assert "Also open" not in desk.get(at).content.decode()
        bob = sign_in("operations", name="bob")
        assert "<strong>ann</strong>" in bob.get(at).content.decode()
        assert "<strong>bob</strong>" in desk.get(at).content.decode()
        with time_machine.travel(NOW + presence.AWAKE + timedelta(seconds=1), tick=False):
            assert "Also open" not in desk.get(at).content.decode()

    def test_of_an_idle_page_lasts_until_it_asks_again(self, at, desk, sign_in) -> None:
        sign_in("operations", name="bob").get(f"{at}&idle=1")
        with time_machine.travel(NOW + timedelta(seconds=40), tick=False):
            assert "<strong>bob</strong>" in desk.get(at).content.decode()

    def test_ends_when_the_page_is_left(self, at, desk, sign_in) -> None:
        bob = sign_in("operations", name="bob")
        bob.get(at)
        assert bob.get(f"{at}&left=1").status_code == 204
        assert "Also open" not in desk.get(at).content.decode()

    def test_says_nothing_again_that_is_known(self, at, desk) -> None:
        (mark,) = re.findall(r'data-mark="([^"]*)"', desk.get(at).content.decode())
        assert desk.get(f"{at}&since={mark}").status_code == 204

    def test_is_of_one_record_only(self, at, held, desk, sign_in) -> None:
        sign_in("operations", name="bob").get(f"/presence?of={public_id(TRADE, held.trade_id)}")
        assert "Also open" not in desk.get(at).content.decode()

    def test_without_redis_is_nobody_and_no_error(self, at, desk, monkeypatch) -> None:
        nowhere = redis.Redis.from_url("unix:///nowhere/redis.sock")
        monkeypatch.setattr(presence, "_redis", lambda: nowhere)
        assert "Also open" not in desk.get(at).content.decode()
        assert desk.get(f"{at}&left=1").status_code == 204

    def test_of_what_one_may_not_see_is_denied_and_of_what_is_not_there_not_found(self, at, sign_in) -> None:
        reader = sign_in("front-office reader")
        assert reader.get(at).status_code == 403
        for nothing in ("exc_22", "trd_22", "bat_22", ""):
            assert sign_in("operations").get(f"/presence?of={nothing}").status_code == 404


class TestARecord:
    @pytest.mark.parametrize("what", ["exceptions", "trades"])
    def test_says_when_it_has_moved_since_it_was_opened(
        self, held, desk, sign_in, redis_client, what
    ) -> None:
        of = public_id(EXCEPTION, held.id) if what == "exceptions" else public_id(TRADE, held.trade_id)
        (at,) = re.findall(r'data-presence="([^"]+)"', desk.get(f"/{what}/{of}").content.decode())
        at = at.replace("&amp;", "&")
        assert "has changed" not in desk.get(at).content.decode()
        bob = sign_in("operations", name="bob")
        with time_machine.travel(LATER, tick=False):
            bob.post(f"/exceptions/{public_id(EXCEPTION, held.id)}/re-check", {"reason": "prices came"})
        assert "It has changed since you opened it" in desk.get(at).content.decode()

    def test_has_moved_when_somebody_has_said_something(self, held, desk, redis_client) -> None:
        url = f"/exceptions/{public_id(EXCEPTION, held.id)}"
        (at,) = re.findall(r'data-presence="([^"]+)"', desk.get(url).content.decode())
        desk.post(f"{url}/comment", {"text": "I ask the broker"})
        assert "has changed" in desk.get(at.replace("&amp;", "&")).content.decode()
