"""Rows of a list are chosen and worked together: previewed, done as a run, tried again, taken back, exported."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client

from core import sql
from core.ids import BULK_RUN, EXCEPTION, TRADE, public_id
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, check_everything, equity, states
from tests.support.records import LATER, all_written
from trades.models import BulkRun, ChangePolicy, ExceptionItem
from trades.services import bulk_run


def _text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def _kept(page: HttpResponse) -> dict[str, str]:
    """Return the hidden fields of a form, as it sends them on."""
    return {
        name: unescape(value)
        for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.content.decode())
        if name != "csrfmiddlewaretoken"
    }


def _post(client: Client, path: str, **form: Any) -> HttpResponse:
    return client.post(path, form, follow=True)


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


@pytest.fixture
def trades(world: World) -> list[str]:
    """Return two trades that are held and one that is not."""
    ids = captured_ids(
        equity(counterparty="NOBODY-8"),
        equity(counterparty="NOBODY-8", quantity="101"),
        equity(quantity="102"),
    )
    check_everything()
    return [public_id(TRADE, each) for each in ids]


class TestTheBlotter:
    def test_offers_what_one_may_do(self, trades, desk, sign_in) -> None:
        offered = re.compile(r'<option value="([a-z-]+)">(?:Re-check|Assign|Cancel|Export)')
        assert offered.findall(desk.get("/trades").content.decode()) == [
            "re-check", "assign", "cancel", "export-csv", "export-xlsx", "export-json",
        ]  # fmt: skip
        reader = sign_in("front-office reader").get("/trades").content.decode()
        assert offered.findall(reader) == ["export-csv", "export-xlsx", "export-json"]

    def test_cancels_what_was_chosen_after_a_preview_and_keeps_the_run(self, trades, desk) -> None:
        asked = _post(desk, "/trades/bulk", action="cancel", ids=trades[:2], status="exception")
        assert "2 trades" in _text(asked)
        assert 'value="do"' not in asked.content.decode()
        before = all_written()
        preview = _post(desk, "/trades/bulk", **_kept(asked), step="preview", reason="called off")
        assert "Would be done 2" in _text(preview)
        assert all_written() == before
        done = _post(desk, "/trades/bulk", **_kept(preview), step="do", reason="called off")
        assert "2 done , and none refused" in _text(done)
        assert states() == {"CANCELLED": 2, "VALIDATED": 1}
        assert 'href="/trades?status=exception"' in done.content.decode()
        assert "called off" in _text(desk.get("/bulk"))

    def test_leaves_what_has_changed_since_the_preview(self, trades, desk) -> None:
        preview = _post(desk, "/trades/bulk", action="cancel", ids=trades[2], step="preview", reason="x")
        with time_machine.travel(LATER, tick=False):
            desk.post(f"/trades/{trades[2]}/re-check", {"reason": "prices"})
        done = _post(desk, "/trades/bulk", **_kept(preview), step="do", reason="x")
        assert "1 refused" in _text(done)
        assert "has changed in the meantime" in _text(done)
        assert states() == {"CAPTURED": 1, "EXCEPTION": 2}

    def test_asks_a_second_person_where_the_policy_says_so(self, trades, desk) -> None:
        ChangePolicy.objects.create(kind="CANCEL")
        preview = _post(desk, "/trades/bulk", action="cancel", ids=trades[:1], step="preview", reason="x")
        assert "Would await a second person 1" in _text(preview)
        done = _post(desk, "/trades/bulk", **_kept(preview), step="do", reason="x")
        assert "Await a second person 1" in _text(done)
        assert sql.row("SELECT count(*) FROM core_proposal WHERE state = 'PENDING'") == (1,)

    def test_takes_all_that_its_filter_matches(self, trades, desk) -> None:
        page = _post(desk, "/trades/bulk", action="re-check", which="all", status="exception")
        assert "2 trades" in _text(page)
        assert desk.get("/trades/count?status=exception").content.decode().count(">2</span>") == 2

    def test_assigns_the_open_exceptions_of_trades(self, trades, desk) -> None:
        page = _post(desk, "/trades/bulk", action="assign", ids=trades)
        assert "2 exceptions" in _text(page)
        assert "Of the chosen trades, 1 without an open exception is left out." in _text(page)
        _post(desk, "/trades/bulk", **_kept(page), step="do", owner="ann", reason="knows them")
        assert ExceptionItem.objects.filter(owner__username="ann").count() == 2

    @pytest.mark.parametrize("form", ["csv", "json", "xlsx"])
    def test_sends_the_chosen_as_a_file(self, trades, desk, form: str) -> None:
        sent = desk.post("/trades/bulk", {"action": f"export-{form}", "ids": trades[:2], "columns": "status"})
        assert f'.{form}"' in sent["Content-Disposition"]
        content = b"".join(sent)
        if form == "csv":
            head, *rows = csv.reader(io.StringIO(content.decode()))
            assert head == ["Trade", "Status"]
            assert rows == [[each, "EXCEPTION"] for each in reversed(trades[:2])]

    def test_refuses_who_may_not(self, trades, sign_in) -> None:
        risk, before = sign_in("risk"), all_written()
        for action in ("cancel", "re-check"):
            assert (
                _post(risk, "/trades/bulk", action=action, step="do", ids=trades, reason="x").status_code
                == 403
            )
        assert all_written() == before

    def test_names_none_that_was_not_chosen(self, trades, desk) -> None:
        assert "No trade was chosen" in _text(_post(desk, "/trades/bulk", action="cancel"))
        assert "No trade was chosen" in _text(_post(desk, "/trades/bulk", action="cancel", ids="trd_nothing"))


class TestARun:
    def _claimed(self, desk: Client) -> BulkRun:
        items = [public_id(EXCEPTION, each) for each in ExceptionItem.objects.values_list("id", flat=True)]
        page = _post(desk, "/exceptions/bulk", action="claim", ids=items)
        _post(desk, "/exceptions/bulk", **_kept(page), step="do")
        return BulkRun.objects.get()

    def _url(self, run: BulkRun) -> str:
        return f"/bulk/{public_id(BULK_RUN, run.id)}"

    def test_is_taken_back_once_and_says_so(self, trades, desk) -> None:
        run = self._claimed(desk)
        assert "Undo" in _text(desk.get(self._url(run)))
        assert "2 done" in _text(_post(desk, f"{self._url(run)}/undo"))
        assert not ExceptionItem.objects.exclude(owner=None).exists()
        page = _text(desk.get(self._url(run)))
        assert "It was taken back by" in page
        assert "Undo" not in page

    def test_tries_again_what_was_refused_as_it_is_now(self, trades, desk, sign_in) -> None:
        self._claimed(desk)
        bob = sign_in("operations", name="bob")
        items = list(ExceptionItem.objects.order_by("id"))
        page = _post(
            bob, "/exceptions/bulk", action="claim", ids=[public_id(EXCEPTION, each.id) for each in items]
        )
        done = _post(bob, "/exceptions/bulk", **_kept(page), step="do")
        run = BulkRun.objects.latest("id")
        assert (run.refused, "Try 2 again" in _text(done)) == (2, True)
        ExceptionItem.objects.filter(id=items[0].id).update(owner=None, claimed_at=None)
        again = _post(bob, f"{self._url(run)}/again")
        assert "Would be done 1" in _text(again)
        assert "Would be refused 1" in _text(again)
        _post(bob, "/exceptions/bulk", **_kept(again), step="do")
        latest = BulkRun.objects.latest("id")
        assert (latest.again_id, latest.done, latest.refused) == (run.id, 1, 1)

    def test_of_many_shows_how_far_it_has_come_and_can_be_stopped(self, trades, desk, monkeypatch) -> None:
        monkeypatch.setattr(bulk_run, "AT_ONCE", 1)
        monkeypatch.setattr(bulk_run, "CHUNK", 1)
        run = self._claimed(desk)
        bulk_run.advance_runs(now=run.asked_at)
        page = desk.get(self._url(run)).content.decode()
        assert 'hx-trigger="every 2s"' in page
        assert '<progress max="100" value="50">' in page
        assert "It is stopped" in _text(_post(desk, f"{self._url(run)}/stop"))
        page = _text(desk.get(f"{self._url(run)}?of=left"))
        assert "not done yet" in page
        assert "Try 1 again" in page
        assert "The run has ended." in _text(_post(desk, f"{self._url(run)}/stop"))

    def test_of_an_unknown_reference_is_not_found(self, trades, desk) -> None:
        for path in ("/bulk/blk_299", "/bulk/nothing"):
            assert desk.get(path).status_code == 404

    def test_asks_again_for_what_was_typed(self, trades, desk) -> None:
        items = [public_id(EXCEPTION, each) for each in ExceptionItem.objects.values_list("id", flat=True)]
        form = {"until": "2026-11-24T09:00", "reason": "client calls"}
        page = _post(desk, "/exceptions/bulk", action="snooze", ids=items, step="preview", **form)
        sql.run("UPDATE trades_exception SET closed_at = now(), closed_by = 'x', resolution = 'x'")
        _post(desk, "/exceptions/bulk", **_kept(page), step="do", **form)
        again = _post(desk, f"{self._url(BulkRun.objects.get())}/again").content.decode()
        assert 'value="2026-11-24T09:00"' in again
        assert "client calls" in again


class TestASlip:
    def test_with_one_exception_is_taken_back_from_the_message_that_told_of_it(self, trades, desk) -> None:
        item = ExceptionItem.objects.order_by("id")[0]
        url = f"/exceptions/{public_id(EXCEPTION, item.id)}"
        page = _post(desk, f"{url}/claim")
        (way,) = re.findall(r'action="(/bulk/[^"]+/undo)"', page.content.decode())
        back = _post(desk, way, next=url)
        assert back.redirect_chain == [(url, 303)]
        assert "It is taken back." in _text(back)
        assert "assigned" in _text(back)
        assert not ExceptionItem.objects.exclude(owner=None).exists()

    def test_is_not_taken_back_when_somebody_has_moved_on(self, trades, desk, sign_in) -> None:
        item = ExceptionItem.objects.order_by("id")[0]
        url = f"/exceptions/{public_id(EXCEPTION, item.id)}"
        page = _post(desk, f"{url}/claim")
        (way,) = re.findall(r'action="(/bulk/[^"]+/undo)"', page.content.decode())
        _post(sign_in("operations", name="bob"), f"{url}/assign", owner="bob", reason="x")
        desk = sign_in("operations", name="ann")
        assert "Somebody has changed it since." in _text(_post(desk, way, next=url))
        assert ExceptionItem.objects.get(id=item.id).owner.username == "bob"

    def test_of_somebody_else_is_theirs_to_take_back(self, trades, desk, sign_in) -> None:
        item = ExceptionItem.objects.order_by("id")[0]
        _post(desk, f"/exceptions/{public_id(EXCEPTION, item.id)}/claim")
        way = f"/bulk/{public_id(BULK_RUN, BulkRun.objects.get().id)}/undo"
        assert "Only who has done it can take it back." in _text(
            _post(sign_in("operations", name="bob"), way)
        )
