"""The page behind a link shows one trade to whoever has it, takes one answer, and tells nothing to others."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from core.ids import TRADE, public_id
from ops import permissions
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, unit_trade
from trades.models import Confirmation, ConfirmationLink

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def made(client: Client, trade_id: int) -> str:
    """Make a link as a person does, and return its path."""
    page = client.post(f"/trades/{public_id(TRADE, trade_id)}/confirmation-link", {"version": "1"})
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    return page.context["address"].removeprefix("http://testserver")


@pytest.fixture
def clerk(world: World, sign_in: SignIn) -> Client:
    return sign_in(permissions.OPERATIONS, name="olivia")


def stranger() -> Client:
    return Client(enforce_csrf_checks=True)


def test_a_stranger_with_the_link_sees_that_trade_and_confirms_it_once(clerk: Client) -> None:
    trade_id = checked(unit_trade(0))
    path = made(clerk, trade_id)
    page = stranger().get(path)
    for told in ("U-0", "sell to us", "100.00 EUR", "Confirm this trade"):
        assert told in text(page)
    assert "<script" not in page.content.decode()
    assert {name: page[name] for name in ("Referrer-Policy", "X-Robots-Tag", "Cache-Control")} == {
        "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store",
    }  # fmt: skip
    assert "script-src" in page["Content-Security-Policy"]
    refused = stranger().post(path, {"says": "DENY", "name": "Ada"})
    assert (refused.status_code, Confirmation.objects.count()) == (422, 0)
    # As a browser sends a form of a page without a referrer.
    taken = stranger().post(path, {"says": "CONFIRM", "name": "Ada"}, headers={"Origin": "null"})
    assert "You have confirmed this trade." in text(taken)
    assert Confirmation.objects.get().status == "MATCHED"


def test_every_link_that_does_not_hold_looks_the_same(clerk: Client) -> None:
    first = made(clerk, checked(unit_trade(0)))
    used = made(clerk, checked(unit_trade(1)))
    stranger().post(used, {"says": "CONFIRM", "name": "Ada"})
    ConfirmationLink.objects.filter(used_at=None).update(expires_at="2020-01-01T00:00:00Z")
    paths = [first, used, f"{first}x", "/confirm/nothing"]
    answers = [stranger().get(path) for path in paths]
    answers += [stranger().post(path, {"says": "CONFIRM", "name": "Ada"}) for path in paths]
    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1
    assert Confirmation.objects.count() == 1


def test_whoever_tries_links_is_kept_out_even_with_one_that_holds(clerk: Client) -> None:
    path = made(clerk, checked(unit_trade(0)))
    for number in range(10):
        assert stranger().get(f"/confirm/guess-{number}").status_code == 404
    assert stranger().get(path).status_code == 404
    assert stranger().get(path, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_a_link_is_made_by_who_has_the_right_for_the_version_that_was_seen(
    clerk: Client, sign_in: SignIn
) -> None:
    trade_id = checked(unit_trade(0))
    address = f"/trades/{public_id(TRADE, trade_id)}/confirmation-link"
    assert "Make a link to answer by" in text(clerk.get(f"/trades/{public_id(TRADE, trade_id)}"))
    assert sign_in(permissions.AUDITOR, name="otto").post(address, {"version": "1"}).status_code == 403
    assert clerk.post(address, {"version": "2"}).status_code == 409
    assert not ConfirmationLink.objects.exists()
