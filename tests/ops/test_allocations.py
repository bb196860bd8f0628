"""A trade is allocated on a screen of rows, which counts what is left and shows what follows before it is done."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from core import sql
from core.ids import TRADE, public_id
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, equity, goods
from tests.support.records import state_of
from trades.lifecycle import State
from trades.models import ChangePolicy


def _text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def _ref(trade_id: int) -> str:
    return public_id(TRADE, trade_id)


def _url(trade_id: int) -> str:
    return f"/trades/{_ref(trade_id)}/allocate"


def _form(desk: Client, trade_id: int, *parts: tuple[str, str, str], step: str = "preview") -> dict[str, Any]:
    """Return what the browser would send of a form just opened, with parts typed into its first rows."""
    page = desk.get(_url(trade_id)).content.decode()
    sent = dict(re.findall(r'<input[^>]*name="([^"]+)" value="([^"]*)"', page))
    typed = {name: unescape(value) for name, value in sent.items()} | {"reason": "as agreed", "step": step}
    for number, part in enumerate(parts):
        names = ("counterparty", "book", "quantity")
        typed |= {f"{name}.{number}": value for name, value in zip(names, part, strict=True)}
    return typed


def _parts(block: int) -> list[int]:
    rows = sql.rows("SELECT trade_id FROM trades_state WHERE block_id = %s ORDER BY 1", [block])
    return [trade_id for (trade_id,) in rows]


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


SPLIT = (("CUST-01", "", "70"), ("", "BOOK-1", "30"))


def test_rows_are_added_and_what_is_left_is_counted(world: World, desk: Client) -> None:
    block = checked(equity())
    answer = desk.post(_url(block), _form(desk, block, SPLIT[0], ("", "", "much"), step="rows"))
    assert "Left of 100 30" in _text(answer)
    assert answer.content.decode().count('name="quantity.') == 8
    assert 'value="much"' in answer.content.decode()
    assert state_of(block)[0] == State.VALIDATED


def test_a_preview_says_what_follows_and_a_confirmation_does_it(world: World, desk: Client) -> None:
    block = checked(equity("E-1"))
    form = _form(desk, block, *SPLIT)
    text = _text(desk.post(_url(block), form))
    assert "Left of 100 0" in text
    assert "E-1/1 validated CUST-01 BOOK-1 70 USD 13,107.50" in text
    assert (state_of(block)[0], _parts(block)) == (State.VALIDATED, [])
    answer = desk.post(_url(block), form | {"step": "confirm"}, follow=True)
    one, two = _parts(block)
    text = _text(answer)
    assert f"{_ref(block)} is allocated to 2 parts" in text
    assert f"{_ref(one)} captured CUST-01 BOOK-1 70 USD 13,107.50 E-1/1" in text
    assert "Allocate anew" in text
    shown = desk.get(f"/trades/{_ref(two)}").content.decode()
    assert f'href="/trades/{_ref(block)}"' in shown
    assert "/allocate" not in shown
    blotter = desk.get("/trades").content.decode()
    assert blotter.count(f'title="Part of {_ref(block)}"') == 2


def test_a_form_opened_again_has_the_parts_that_there_are(world: World, desk: Client) -> None:
    block = checked(equity("E-1"))
    desk.post(_url(block), _form(desk, block, *SPLIT, step="confirm"))
    form = _form(desk, block, step="confirm")
    assert (form["counterparty.0"], form["quantity.0"], form["book.1"]) == ("CUST-01", "70", "BOOK-1")
    assert desk.post(_url(block), form | {"quantity.0": "60", "quantity.1": "40"}).status_code == 303
    assert [state_of(each)[0] for each in _parts(block)] == [
        State.CANCELLED, State.CANCELLED, State.CAPTURED, State.CAPTURED,
    ]  # fmt: skip


def test_what_is_refused_stands_beside_its_row(world: World, desk: Client) -> None:
    block = checked(equity())
    form = _form(desk, block, ("CUST-01", "", "70"), ("", "", ""), ("", "BOOK-1", "-3"), step="confirm")
    answer = desk.post(_url(block), form | {"reason": ""})
    assert answer.status_code == 422
    assert "Part 3 quantity : More than zero." in _text(answer)
    row = re.findall(r'<input[^>]*name="quantity.2"[^>]*>', answer.content.decode())[0]
    assert 'aria-invalid="true"' in row
    late = desk.post(_url(block), _form(desk, block, *SPLIT, step="confirm") | {"etag": '"1-1"'})
    assert late.status_code == 412
    assert _parts(block) == []


def test_what_cannot_be_allocated_says_so(world: World, desk: Client) -> None:
    order, block = checked(goods()), checked(equity())
    assert "It cannot be allocated." in _text(desk.get(_url(order)))
    desk.post(_url(block), _form(desk, block, *SPLIT, step="confirm"))
    assert f"It is a part of {_ref(block)}" in _text(desk.get(_url(_parts(block)[0])))


def test_a_second_person_decides_where_the_policy_says_so(
    world: World, desk: Client, sign_in: SignIn
) -> None:
    ChangePolicy.objects.create(kind="ALLOCATE")
    block = checked(equity("E-1"))
    answer = desk.post(_url(block), _form(desk, block, *SPLIT, step="confirm"), follow=True)
    assert "waits for a second person" in _text(answer)
    checker = sign_in("supervisor", name="sue")
    text = _text(checker.get("/approvals"))
    assert "Allocate the trade to 2 parts 70 to CUST-01 30 to BOOK-1" in text
    ((proposal_id,),) = sql.rows("SELECT id FROM core_proposal")
    checker.post(f"/approvals/{public_id('prp', proposal_id)}/approve")
    assert (state_of(block)[0], len(_parts(block))) == (State.ALLOCATED, 2)


def test_who_may_not_change_trades_does_not_see_the_form(world: World, sign_in: SignIn) -> None:
    block = checked(equity())
    assert sign_in("risk").get(_url(block)).status_code == 403
