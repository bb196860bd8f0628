"""A form that somebody else overtook stores nothing, says what is new, and keeps what was typed elsewhere."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models import Proposal
from ops.stale import settle
from refdata.models import Ssi
from risk.models import Limit
from settlement.models import Channel
from tests.ops.conftest import SignIn
from tests.settlement.test_ssi_change import IBAN, OTHER
from tests.support.factories import World, limit

_VALUES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2"]))


@settings(max_examples=100)
@given(shown=_VALUES, present=_VALUES, typed=_VALUES)
def test_a_field_says_what_was_typed_unless_somebody_else_has_changed_it(
    shown: dict[str, str], present: dict[str, str], typed: dict[str, str]
) -> None:
    labels = {name: name.upper() for name in "abc"}
    found = settle(shown=shown, present=present, typed=typed, labels=labels)
    moved = {name for name in "abc" if shown.get(name, "") != present.get(name, "")}
    assert {each.name for each in found.moved} == moved
    assert all(found.values[name] == present.get(name, "") for name in moved)
    assert {name: found.values[name] for name in typed if name not in moved} == {
        name: value for name, value in typed.items() if name not in moved
    }
    for each in found.moved:
        mine = typed.get(each.name, each.before)
        assert each.typed == ("" if mine in {each.before, each.after} else mine)


def _text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def _form(page: HttpResponse, **typed: str) -> dict[str, str]:
    """Return what a browser would send of a form, with what was typed over it."""
    html = page.content.decode()
    html = html[html.index("<main") :]
    inputs = re.findall(r'<input(?![^>]*type="checkbox")[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"', html)
    chosen = re.findall(r'<select name="([^"]+)".*?<option value="([^"]*)" selected', html, re.DOTALL)
    return {name: unescape(value) for name, value in (*inputs, *chosen)} | typed


@pytest.fixture
def sue(sign_in: SignIn) -> Client:
    return sign_in("supervisor", name="sue")


class TestALimit:
    def test_comes_back_on_its_present_terms_and_is_then_proposed(self, world: World, sue: Client) -> None:
        limit("CPTY", hard="500", warn="400")
        form = _form(sue.get("/limits/terms?code=CPTY"), warn="450", hard="600", reason="the board said so")
        Limit.objects.update(hard=Decimal(700), name="Another name")
        late = sue.post("/limits/terms", form)
        assert late.status_code == 412
        assert "Hard 500 700 — 600 Use mine" in _text(late)
        assert not Proposal.objects.exists()
        again = _form(late)
        assert (again["warn"], again["hard"], again["name"]) == ("450", "700", "Another name")
        assert sue.post("/limits/terms", again).status_code == 303
        after = Proposal.objects.get().content["after"]
        assert (after["warn"], after["hard"], after["name"]) == ("450", "700", "Another name")

    def test_that_nobody_else_has_touched_is_proposed_at_once(self, world: World, sue: Client) -> None:
        limit("CPTY", hard="500", warn="400")
        form = _form(sue.get("/limits/terms?code=CPTY"), hard="600", reason="the board said so")
        assert sue.post("/limits/terms", form).status_code == 303

    def test_that_was_made_meanwhile_is_told_to_who_makes_another_of_its_code(
        self, world: World, sue: Client
    ) -> None:
        form = _form(sue.get("/limits/terms"), code="CPTY", name="Mine", hard="600", reason="x")
        limit("CPTY", hard="500")
        late = sue.post("/limits/terms", form)
        assert (late.status_code, "Hard empty 500 — 600 Use mine" in _text(late)) == (412, True)


def test_an_ssi_comes_back_as_it_is_now(world: World, sue: Client) -> None:
    ssi = Ssi.objects.filter(party=world.broker, kind="CASH").first()
    assert ssi is not None
    Ssi.objects.filter(id=ssi.id).update(account=IBAN, agent_bic="DEUTDEFF")
    path = f"/ssis/change?ssi={ssi.id}"
    form = _form(sue.get(path), account="MINE", agent_bic="CITIUS33", reason="moved")
    Ssi.objects.filter(id=ssi.id).update(account=OTHER)
    late = sue.post(path, form)
    assert late.status_code == 412
    assert f"{IBAN} {OTHER} — MINE Use mine" in _text(late)
    again = _form(late)
    assert (again["account"], again["agent_bic"], again["reason"]) == (OTHER, "CITIUS33", "moved")
    assert not Proposal.objects.exists()
    sent = sue.post(path, again)
    assert sent.status_code == 303, _text(sent)


def test_a_row_of_a_calendar_comes_back_as_it_is_now(world: World, sue: Client) -> None:
    rows = sue.get("/calendars?kind=channels").content.decode()
    (path, *_) = re.findall(r'href="(/calendars/change\?kind=channels&amp;row=\d+)"', rows)
    form = _form(sue.get(unescape(path)), lead_days="3", cut_off_time="12:00", reason="later")
    Channel.objects.filter(code=form["channel"]).update(lead_days=2)
    late = sue.post("/calendars/change", form)
    assert late.status_code == 412
    again = _form(late)
    assert (again["lead_days"], again["cut_off_time"]) == ("2", "12:00")
    assert not Proposal.objects.exists()
