"""A trade is amended or cancelled on a screen that shows what follows before anything is done."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from core.ids import INSTRUCTION, TRADE, public_id
from core.models import ApprovalPolicy, Proposal
from settlement.selectors import obligations_of
from tests.ops.conftest import SignIn
from tests.settlement.support import BackOffice, lines_of, seal, validated
from tests.support.factories import (
    World,
    captured_ids,
    check_everything,
    checked,
    equity,
    fx,
    goods,
    limit,
    swap,
    unit_trade,
)
from tests.support.records import state_of, version_of
from trades.lifecycle import State
from trades.models import ChangePolicy, ExceptionItem


def _text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def _url(trade_id: int, what: str) -> str:
    return f"/trades/{public_id(TRADE, trade_id)}/change/{what}"


def _form(desk: Client, trade_id: int, what: str, **typed: str) -> dict[str, Any]:
    """Return what the browser would send of a form just opened, with what was typed over it."""
    page = desk.get(_url(trade_id, what)).content.decode()
    sent = dict(re.findall(r'<input[^>]*name="([^"]+)" value="([^"]*)"', page))
    return {name: unescape(value) for name, value in sent.items()} | {"reason": "as agreed"} | typed


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


def test_a_preview_says_what_follows_and_does_nothing(world: World, desk: Client) -> None:
    limit(hard="500")
    trade_id = checked(unit_trade(1))
    answer = desk.post(_url(trade_id, "amend"), _form(desk, trade_id, "amend", **{"set.price": "500"}))
    text = _text(answer)
    assert answer.status_code == 200
    assert "It would be version 2" in text
    assert "100.00 EUR 1,000.00 EUR" in text
    assert "Use of limit CPTY BROKER-01 100.00 EUR 1,000.00 EUR" in text
    assert "With this trade BROKER-01 exceeds the limit CPTY." in text
    assert state_of(trade_id) == (State.VALIDATED, 1)


def test_a_confirmed_amendment_is_the_next_version(world: World, desk: Client) -> None:
    trade_id = checked(equity())
    typed = {"set.quantity": "50", "set.net_amount": "", "step": "confirm"}
    answer = desk.post(_url(trade_id, "amend"), _form(desk, trade_id, "amend", **typed), follow=True)
    assert "Stored as version 2" in _text(answer)
    assert version_of(trade_id, 2)["net_amount"] == Decimal("9362.5")
    assert "Quantity 100 50" in _text(answer)


def test_a_line_of_an_order_is_amended_and_the_others_stay(world: World, desk: Client) -> None:
    trade_id = checked(goods())
    desk.post(
        _url(trade_id, "amend"),
        _form(desk, trade_id, "amend", **{"set.lines.0.quantity": "10", "step": "confirm"}),
    )
    lines = version_of(trade_id, 2)["terms"]["lines"]
    assert [(line["sku"], line["quantity"]) for line in lines] == [("SKU-1", "10"), ("SKU-2", "6")]


def test_a_confirmed_cancellation_cancels_and_the_trade_shows_the_links(world: World, desk: Client) -> None:
    one, two = validated(equity("E-1"), equity("E-2", quantity="10"))
    seal()
    text = _text(desk.post(_url(one, "cancel"), _form(desk, one, "cancel")))
    assert f"netted anew: {public_id(TRADE, two)}" in text
    desk.post(_url(one, "cancel"), _form(desk, one, "cancel", step="confirm"))
    assert state_of(one) == (State.CANCELLED, 2)
    shown = f"/trades/{public_id(TRADE, one)}"
    assert "to be cancelled" in _text(desk.get(shown))
    seal()
    (leg, *_) = obligations_of(one)
    assert f"cancellation asked by {public_id(INSTRUCTION, leg['cancellation_id'])}" in _text(desk.get(shown))
    assert f"replaces {public_id(INSTRUCTION, leg['instruction_id'])}" in _text(
        desk.get(f"/trades/{public_id(TRADE, two)}")
    )
    assert "Nothing can be changed of it any more." in _text(desk.get(_url(one, "cancel")))


def test_what_is_refused_stands_beside_what_was_typed(world: World, desk: Client) -> None:
    trade_id = checked(equity())
    form = _form(desk, trade_id, "amend", **{"set.quantity": "many", "step": "confirm", "reason": " "})
    answer = desk.post(_url(trade_id, "amend"), form)
    assert answer.status_code == 422
    assert 'value="many"' in answer.content.decode()
    form = _form(desk, trade_id, "amend", **{"set.quantity": "5", "step": "confirm"})
    assert desk.post(_url(trade_id, "amend"), form).status_code == 303
    again = desk.post(_url(trade_id, "amend"), form)
    assert again.status_code == 412
    assert "The trade has changed in the meantime." in _text(again)
    assert state_of(trade_id)[1] == 2


def test_a_form_that_came_too_late_goes_on_from_the_present_version(world: World, desk: Client) -> None:
    trade_id = checked(equity())
    late = _form(desk, trade_id, "amend", **{"set.price": "188", "set.trader": "kim", "step": "confirm"})
    other = {"set.price": "187.5", "set.quantity": "7", "step": "confirm"}
    assert desk.post(_url(trade_id, "amend"), _form(desk, trade_id, "amend", **other)).status_code == 303
    answer = desk.post(_url(trade_id, "amend"), late)
    assert answer.status_code == 412
    text = _text(answer)
    assert "You started from version 1; the present one is 2" in text
    assert "Quantity 100 7 ann —" in text
    assert "Price 187.25 187.5 ann 188 Use mine" in text
    fields = re.findall(r'<input[^>]*name="(set\.[^"]+|etag)" value="([^"]*)"', answer.content.decode())
    shown = {name: unescape(value) for name, value in fields}
    assert [shown[f"set.{name}"] for name in ("price", "quantity", "trader")] == ["187.5", "7", "kim"]
    again = shown | {"reason": "once more", "step": "confirm"}
    assert desk.post(_url(trade_id, "amend"), again).status_code == 303
    third = version_of(trade_id, 3)
    assert (third["price"], third["quantity"], third["trader"]) == (Decimal("187.5"), 7, "kim")


def test_a_change_that_needs_two_people_is_decided_on_the_approvals_page(
    world: World, desk: Client, sign_in: SignIn
) -> None:
    ChangePolicy.objects.create()
    trade_id = checked(equity())
    form = _form(desk, trade_id, "amend", **{"set.quantity": "50"})
    assert "once a second person has approved it" in _text(desk.post(_url(trade_id, "amend"), form))
    answer = desk.post(_url(trade_id, "amend"), form | {"step": "confirm"}, follow=True)
    proposal = Proposal.objects.get()
    assert "waits for a second person" in _text(answer)
    decide = f"/approvals/{public_id('prp', proposal.id)}/approve"
    assert desk.post(decide).status_code == 403
    assert sign_in("risk", name="rita").post(decide).status_code == 403
    boss = sign_in("supervisor", name="sue")
    shown = _text(boss.get("/approvals"))
    assert "Amend the trade" in shown
    assert "Quantity 100 50" in shown
    assert "Approved; the trade is changed." in _text(boss.post(decide, follow=True))
    check_everything()
    assert state_of(trade_id) == (State.VALIDATED, 2)


def test_only_operations_and_supervisors_change_trades(world: World, sign_in: SignIn) -> None:
    trade_id = checked(equity())
    for role, status in (("operations", 200), ("supervisor", 200), ("risk", 403), ("auditor", 403)):
        assert sign_in(role).get(_url(trade_id, "cancel")).status_code == status
    assert sign_in("operations").get(_url(trade_id, "sell")).status_code == 404


def test_a_rejected_cancellation_is_asked_again(world: World, desk: Client) -> None:
    (trade_id,) = validated(equity("E-1"))
    office = BackOffice()
    seal("CASH")
    desk.post(_url(trade_id, "cancel"), _form(desk, trade_id, "cancel", step="confirm"))
    (batch_id,) = seal("CASH")
    office.claim(batch_id)
    office.acknowledge(batch_id, lines_of(batch_id), USD="LATE")
    shown = f"/trades/{public_id(TRADE, trade_id)}"
    assert "cancellation rejected:" in _text(desk.get(shown))
    assert ExceptionItem.objects.filter(trade_id=trade_id, closed_at=None).count() == 1
    assert desk.post(f"{shown}/cancel-again", {"reason": " "}).status_code == 422
    answer = desk.post(f"{shown}/cancel-again", {"reason": "they can now"}, follow=True)
    assert "The next batch asks the back office again." in _text(answer)
    assert not ExceptionItem.objects.filter(trade_id=trade_id, closed_at=None).exists()
    assert desk.post(f"{shown}/cancel-again", {"reason": "twice"}).status_code == 409
    (again,) = seal("CASH")
    (line,) = lines_of(again)
    assert (line["kind"], line["cancels"]) == ("CANCEL", lines_of(batch_id)[0]["cancels"])
    office.claim(again)
    office.acknowledge(again, [line])
    assert obligations_of(trade_id)[0]["settlement"] == "CANCELLED"


def test_what_was_not_given_is_not_changed_by_a_form_that_offers_it(world: World, desk: Client) -> None:
    """A choice that the front office left out stays out, however often somebody looks."""
    (trade_id,) = captured_ids(fx())
    page = desk.get(_url(trade_id, "amend")).content.decode()
    assert '<option value="" selected>not given</option>' in page
    typed = {"set.terms.rate_basis": "", "set.trader": "somebody else"}
    text = _text(desk.post(_url(trade_id, "amend"), _form(desk, trade_id, "amend", **typed)))
    assert "was empty" not in text
    assert "Rate basis" not in text
    assert "somebody else" in text


def test_both_amounts_of_an_exchange_are_shown_in_their_currency(world: World, desk: Client) -> None:
    (trade_id,) = captured_ids(fx())
    typed = {"set.terms.bought.amount": "12345678.9", "set.terms.sold.amount": "13395061.61"}
    text = _text(desk.post(_url(trade_id, "amend"), _form(desk, trade_id, "amend", **typed)))
    assert "Bought amount 1,000,000.00 EUR 12,345,678.90 EUR" in text
    assert "Sold amount 1,085,000.00 USD 13,395,061.61 USD" in text


def test_the_lines_of_an_order_and_the_legs_of_a_swap_stand_together(world: World, desk: Client) -> None:
    order, exchange = captured_ids(goods(), swap())
    for trade_id, parts, first in (
        (order, ["Line 1", "Line 2"], "Sku"),
        (exchange, ["Near leg", "Far leg"], "Bought currency"),
    ):
        page = desk.get(_url(trade_id, "amend")).content.decode()
        assert re.findall(r'class="part"><legend>([^<]+)', page) == parts
        assert page.count(f"<label>{first}<") == 2


def test_a_change_of_much_is_asked_for_with_its_amount_typed_in(world: World, desk: Client) -> None:
    ChangePolicy.objects.create()
    ApprovalPolicy.objects.create(kind="change", typed_from=Decimal(1))
    trade_id = checked(equity())
    form = _form(desk, trade_id, "cancel", step="confirm")
    for typed, told in (("", "Type in the amount at stake"), ("1", "This is not the amount at stake")):
        wrong = desk.post(_url(trade_id, "cancel"), {**form, "amount": typed})
        assert wrong.status_code == 422
        assert told in _text(wrong)
        amount = wrong.context["foreseen"].amount  # the preview stays, with where to type
        assert f"So much is at stake that it is typed in: {amount} EUR" in _text(wrong)
    assert not Proposal.objects.exists()
    asked = desk.post(_url(trade_id, "cancel"), {**form, "amount": amount}, follow=True)
    assert "waits for a second person" in _text(asked)
    assert Proposal.objects.get().content["amount"] == amount
    assert state_of(trade_id) == (State.VALIDATED, 1)
