"""The desk works many exceptions at once: chosen, previewed, done; grouped by what they wait for."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client

from core.ids import EXCEPTION, public_id
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, check_everything, equity, states
from tests.support.records import NOW, all_written
from trades.models import Comment, ExceptionItem


def _text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


@pytest.fixture
def held(world: World) -> list[ExceptionItem]:
    """Return the exceptions of three trades: two with one unknown party, one with another."""
    captured_ids(
        *[equity(counterparty=f"NOBODY-{n}", quantity=str(100 + at)) for at, n in enumerate((8, 8, 9))]
    )
    check_everything()
    return list(ExceptionItem.objects.order_by("trade_id"))


def _ref(item: ExceptionItem) -> str:
    return public_id(EXCEPTION, item.id)


def _bulk(client: Client, **form: Any) -> HttpResponse:
    return client.post("/exceptions/bulk", form, follow=True)


def _kept(page: HttpResponse) -> dict[str, str]:
    """Return the hidden fields of a preview, as its form sends them on."""
    return {
        name: unescape(value)
        for name, value in re.findall(
            r'name="(action|chosen|key|again)" value="([^"]*)"', page.content.decode()
        )
    }


class TestCauses:
    def test_count_what_each_holds_and_lead_to_it(self, held, desk) -> None:
        page = desk.get("/exceptions/causes")
        assert re.search(r"Unknown party: NOBODY-8 2 2 .* Unknown party: NOBODY-9 1 1 ", _text(page))
        narrowed = desk.get("/exceptions?cause=UNKNOWN_PARTY%20NOBODY-8").content.decode()
        assert [_ref(each) in narrowed for each in held] == [True, True, False]

    def test_say_that_nothing_is_held_and_who_resolved_last(self, world, desk) -> None:
        assert "The queue is clear No trade has been held yet." in _text(desk.get("/exceptions/causes"))
        captured_ids(equity(book="NO-BOOK"))
        check_everything()
        item = ExceptionItem.objects.get()
        item.closed_at, item.closed_by = NOW, "user:bob"
        item.save()
        page = _text(desk.get("/exceptions/causes"))
        assert "The queue is clear Last resolved 2026-11-23 14:00 GMT by bob." in page


def test_what_would_be_done_to_none_cannot_be_done(held, desk) -> None:
    shown = _bulk(desk, action="wake", step="preview", ids=_ref(held[0]))
    assert "Would be done 0" in _text(shown)
    assert 'value="do"' not in shown.content.decode()


class TestNarrowing:
    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("move=REFERENCE_DATA", True), ("move=RISK", False), ("kind=FINDING", True), ("kind=FAIL", False),
            ("cause=%00", True), ("cause=none", False), ("view=snoozed", False), ("view=team", False),
        ],
    )  # fmt: skip
    def test_shows_what_fits(self, held, desk, query: str, shown: bool) -> None:
        assert (_ref(held[0]) in desk.get(f"/exceptions?{query}").content.decode()) == shown

    def test_by_team_shows_what_is_given_to_ones_own(self, held, desk) -> None:
        ExceptionItem.objects.filter(id=held[0].id).update(team=Group.objects.get(name="operations"))
        page = desk.get("/exceptions?view=team").content.decode()
        assert [_ref(each) in page for each in held] == [True, False, False]


class TestManyAtOnce:
    def test_are_previewed_then_done_with_a_result_for_each(self, held, desk) -> None:
        ids = [_ref(each) for each in held[:2]]
        asked = _bulk(desk, action="reject", ids=ids)
        assert "2 exceptions" in _text(asked)
        before = all_written()
        preview = _bulk(desk, **_kept(asked), step="preview", reason="called off")
        assert "Would be done 2" in _text(preview)
        assert all_written() == before
        form = {**_kept(preview), "step": "do", "reason": "called off"}
        done = _bulk(desk, **form)
        assert "2 done , and none refused" in _text(done)
        assert "called off" in _text(done)
        assert states() == {"CANCELLED": 2, "EXCEPTION": 1}
        assert _bulk(desk, **form).redirect_chain == done.redirect_chain
        assert "2 refused" in _text(_bulk(desk, **{**form, "key": "another"}))

    def test_can_be_all_that_a_list_shows(self, held, desk) -> None:
        cause = held[0].causes[0]
        page = _bulk(desk, action="claim", which="all", cause=cause)
        assert "Would be done 2" in _text(page)
        assert _kept(page)["chosen"].split() == [f"{_ref(each)}:1" for each in held[:2]]
        assert not ExceptionItem.objects.exclude(owner=None).exists()
        _bulk(desk, **_kept(page), which="all", step="do")
        assert ExceptionItem.objects.filter(owner__username="ann").count() == 2

    def test_what_is_missing_is_named_and_what_was_typed_stays(self, held, desk) -> None:
        page = _bulk(
            desk, action="snooze", step="do", chosen=_ref(held[0]), until="tomorrow", reason="client calls"
        )
        assert page.status_code == 422
        assert "Write the moment as" in _text(page)
        assert "client calls" in page.content.decode()
        page = _bulk(desk, action="assign", step="preview", chosen=_ref(held[0]))
        assert "A user, a team, or both." in _text(page)

    def test_none_chosen_says_so_and_an_unknown_action_leads_back(self, held, desk) -> None:
        assert "No exception was chosen" in _text(_bulk(desk, action="claim"))
        assert desk.post("/exceptions/bulk", {"action": "fly"})["Location"] == "/exceptions"
        assert desk.get("/exceptions/bulk")["Location"] == "/exceptions"

    def test_who_may_not_is_refused_and_changes_nothing(self, held, sign_in) -> None:
        risk = sign_in("risk", name="rita")
        before = all_written()
        for action in ("reject", "re-check"):
            form = {"action": action, "step": "do", "chosen": _ref(held[0]), "reason": "x"}
            assert _bulk(risk, **form).status_code == 403
        assert _bulk(sign_in("auditor"), action="claim", chosen=_ref(held[0])).status_code == 403
        assert all_written() == before
        assert 'value="reject"' not in risk.get("/exceptions").content.decode()


class TestOneException:
    def _do(self, client: Client, item: ExceptionItem, action: str, **form: str) -> str:
        return _text(client.post(f"/exceptions/{_ref(item)}/{action}", form, follow=True))

    def test_says_whose_move_it_is_and_what_comes_next(self, held, desk) -> None:
        text = _text(desk.get(f"/exceptions/{_ref(held[0])}"))
        assert "Reference data has the move:" in text
        assert "Unknown party: NOBODY-8" in text

    def test_is_given_to_somebody(self, held, desk) -> None:
        User.objects.create(username="bob")
        assert "Assign: done." in self._do(desk, held[0], "assign", owner="bob", reason="knows them")
        assert "owner bob" in _text(desk.get(f"/exceptions/{_ref(held[0])}"))

    def test_is_put_off_and_brought_back(self, held, desk) -> None:
        done = self._do(desk, held[0], "snooze", until="2026-11-24T09:00", reason="client calls back")
        assert "client calls back" in done
        assert "snoozed" in done
        assert _ref(held[0]) not in desk.get("/exceptions").content.decode()
        assert _ref(held[0]) in desk.get("/exceptions?view=snoozed").content.decode()
        assert "Bring back: done." in self._do(desk, held[0], "wake")

    def test_gets_its_root_cause(self, held, desk) -> None:
        assert "late static data" in self._do(desk, held[0], "root-cause", root_cause="late static data")

    def test_is_put_to_the_front_office(self, held, desk) -> None:
        text = self._do(desk, held[0], "comment", text="Which party?", audience="FRONT_OFFICE")
        assert "The front office is asked" in text
        assert "Front office has the move:" in text
        assert Comment.objects.get().audience == "FRONT_OFFICE"
        assert "read by the front office too" in text

    def test_a_comment_among_ourselves_is_not_said_to_be_read_by_others(self, held, desk) -> None:
        assert "read by the front office" not in self._do(desk, held[0], "comment", text="Which party?")
