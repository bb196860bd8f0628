"""A live page whose server is not heard says so across its top, stays of use, and mends by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from ops.models import Export
from tests.support.factories import World, checked, equity
from tests.support.records import NOW

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

BAND = "[data-feed]"


def unreachable(route: Any) -> None:
    """Answer as a server that is gone."""
    route.abort("connectionrefused")


def failing(route: Any) -> None:
    """Answer as a server whose database is gone."""
    route.fulfill(status=503, body="")


def logged_out(route: Any) -> None:
    """Answer as to somebody whose session has ended."""
    route.fulfill(status=302, headers={"Location": "/log-in"}, body="")


def leave(page: Any, seconds: int) -> None:
    """Let so many seconds pass on the page, and what it asks meanwhile be answered."""
    for _ in range(seconds):
        page.clock.run_for(1_000)
        page.evaluate("new Promise(done => done())")


@pytest.mark.parametrize(
    ("path", "how"), [("/", failing), ("/trades", unreachable), ("/exceptions", failing)]
)
def test_a_page_that_hears_nothing_says_since_when_and_mends_by_itself(
    world: World, still_page: Any, path: str, how: Callable[[Any], None]
) -> None:
    checked(equity())
    checked(equity(book="NO-BOOK"))
    page = still_page
    page.clock.install()
    page.goto(path)
    band, as_of = page.locator(BAND), page.locator("[data-as-of]")
    leave(page, 9)
    expect(band).to_be_hidden()
    page.route("**/*", how)
    leave(page, 9)
    expect(band).to_be_visible()
    expect(band).to_contain_text("Nothing new since 14:00:00 GMT, trying again.")
    expect(as_of).to_have_class("as-of-now amber")
    expect(page.locator("#status")).to_contain_text("Nothing new since")
    leave(page, 9)
    expect(as_of).to_have_class("as-of-now red")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()  # what one can do is not touched
    page.keyboard.press("Escape")
    page.unroute("**/*", how)
    leave(page, 4)
    expect(band).to_be_hidden()
    expect(as_of).to_have_class("as-of-now")
    expect(page.locator("#status")).to_have_text("The page is current again.")


def test_a_page_whose_session_has_ended_leads_to_the_log_in(world: World, still_page: Any) -> None:
    checked(equity())
    page = still_page
    page.clock.install()
    page.goto("/trades")
    page.route("**/*since=*", logged_out)
    leave(page, 9)
    expect(page.locator(BAND)).to_contain_text("you are logged out")
    expect(page.locator(BAND).get_by_role("link", name="Log in again")).to_have_attribute("href", "/trades")


def test_today_moves_in_place_and_leaves_what_is_focused(world: World, still_page: Any) -> None:
    checked(equity(book="NO-BOOK"))
    page = still_page
    page.clock.install()
    page.goto("/")
    unassigned = page.locator("[data-cell=unassigned]")
    expect(unassigned).to_have_text("1")
    checked(equity(book="NO-BOOK", quantity="7"))
    page.locator("[data-part=queue] a").first.focus()
    leave(page, 4)
    expect(unassigned).to_have_text("1")
    page.evaluate("document.activeElement.blur()")
    leave(page, 4)
    expect(unassigned).to_have_text("2")


def test_a_piece_that_fails_names_the_request_to_quote(world: World, still_page: Any) -> None:
    checked(equity())
    page = still_page
    page.route("**/trades/count*", lambda route: route.fulfill(status=500, headers={"X-Request-ID": "req-7"}))
    page.goto("/trades")
    failed = page.locator("[data-failed]")
    expect(failed).to_contain_text("Quote this request if you ask for help: req-7")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.unroute("**/trades/count*")
    page.locator("#total").click()
    expect(failed).to_be_hidden()


def test_what_htmx_asks_again_is_missed_too(still_page: Any) -> None:
    Export.objects.create(owner=User.objects.get(), listed="trades", form="csv", asked_at=NOW)
    page = still_page
    page.clock.install()
    page.goto("/exports")
    page.route("**/*", failing)
    leave(page, 9)
    expect(page.locator(BAND)).to_be_visible()
    page.unroute("**/*", failing)
    leave(page, 4)
    expect(page.locator(BAND)).to_be_hidden()
