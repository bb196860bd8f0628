"""Every screen holds to WCAG 2.2 AA as far as a machine can tell: axe finds nothing, in light and in dark.

Nor is anything cut, over another or past the edge at the two widths that the console is made for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib.auth.models import User
from django.test import Client

from core.ids import PROPOSAL, TRADE, database_id, public_id
from middleoffice.access import routes
from ops.data_sets import DATA_SETS
from ops.lists import LISTS
from refdata.changes import propose_reference_change
from refdata.lists import list_rows
from refdata.models import Party
from refdata.services import KINDS
from tests.ledger.profit_support import tell
from tests.ledger.support import post
from tests.support.browser import answer_with, watched_page
from tests.support.factories import captured_ids, equity
from tests.support.records import CLERK, NOW
from tests.test_authorisation import Things
from trades.services.confirmation_links import make_link

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
LOOK = (Path(__file__).parent / "look.js").read_text()
FIT = (Path(__file__).parent / "fit.js").read_text()
WIDTHS = ((1024, 768), (1440, 900))
# One page for every data set, and one for every list. (look.js leaves out the grid of the first, which draws itself in
# a shadow tree of its own: the same rows stand in native tables on the screens that its status line leads back to.)
SAME_PAGE = {
    *(f"explore/{each}" for each in DATA_SETS if each != "trades"),
    *(f"views/{each}/save" for each in LISTS if each != "trades"),
}
# Files, pieces of a page, and addresses that lead on to another screen.
NOT_SCREENS = {
    "view_export", "trade_evidence", "batch_evidence", "audit_day_evidence",
    "palette", "palette_records", "trade_peek", "exception_peek", "blotter_count", "explore_rows",
    "search", "explore", "view_columns", "view_delete", "today_now", "presence", "bell", "export_file", "notification",
}  # fmt: skip
# Where what a screen is about has no reference, or is told by its query.
ABOUT = {
    "position": "/positions/BOOK-1/USD?instrument=US0378331005",
    "lot_policy": "/positions/BOOK-1",
    "profit_behind": "/profit/behind?day=2026-11-23&run=1&by=trader&name=jdoe",
    "limit_member": "/limits/member?limit=CPTY&key=BROKER-01",
    "holds": "/holds?view=all",
    "settlement": "/settlement?mover=OPERATIONS",
    "reference_row": "/reference/row?kind=parties&code=BROKER-01",
    "calendar_change": "/calendars/change?kind=cut-offs",
}
# What is folded away is looked at too; menus, which cover what lies below them, when their own turn comes.
UNFOLD = "document.querySelectorAll('details:not(.menu)').forEach(each => { each.open = true })"
UNFOLD_MENU = "n => document.querySelectorAll('details.menu').forEach((each, at) => { each.open = at === n })"
# What a person would find: one heading cut, one over the paragraph below it, one past the edge, a page too wide.
SPOIL = """() => {
  const [cut, over, past] = document.querySelectorAll("main h2");
  Object.assign(cut.style, { width: "12px", overflow: "hidden", whiteSpace: "nowrap" });
  Object.assign(over.style, { position: "relative", top: "-60px" });
  Object.assign(past.style, { marginLeft: "3000px", whiteSpace: "nowrap" });
}"""
# Another screen in the place of the one that is shown. The shell around it is the same, and was looked at.
SHOW = """html => {
  document.querySelectorAll("nav.side, header.top, dialog").forEach(each => each.remove());
  const other = new DOMParser().parseFromString(html, "text/html");
  document.body.className = other.body.className;
  document.querySelector("main").replaceWith(other.querySelector("main"));
}"""


def faults(page: Any, where: str, within: str = "html") -> list[str]:
    """Return what axe finds within a selector: place, theme, rule, element and what is wrong with it."""
    return [f"{where} {each}" for each in page.evaluate(LOOK, [within, WCAG])]


def misfits(page: Any, where: str) -> list[str]:
    """Return what a person would find cut, over another or past the edge, at each width."""
    found = []
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        found += [f"{where} at {width}: {each}" for each in page.evaluate(FIT)]
    return found


def visit(page: Any, address: str) -> None:
    """Open a page with all that is folded away, and axe in it."""
    page.goto(address)
    page.evaluate(AXE_SCRIPT)  # by the debugger's channel: the page's own policy would refuse it, as it must
    page.evaluate(UNFOLD)


def screens(things: Things) -> Iterator[str]:
    """Yield an address of every screen that the console has."""
    for route in routes():
        if (
            route.rights
            and not route.form_of
            and route.name not in NOT_SCREENS
            and route.path not in SAME_PAGE
            and route.name != "reference_proposal"  # of one that there is: see `proposed`
        ):
            yield ABOUT.get(route.name) or things.path(route)


def wide() -> str:
    """Store a trade as wide as they come, in a currency without decimals, and ones with two and three; return it."""
    Party.objects.filter(code="BROKER-01").update(
        name="Société d’Investissement et de Gestion Patrimoniale Outre-Mer Designated Activity Company"
    )
    sizes = (
        {"currency": each, "quantity": "999999999999.99", "price": "1"} for each in ("USD", "BHD", "JPY")
    )
    ids = captured_ids(*(equity(trader="m.vandenberghe-oconnell", **each) for each in sizes))
    return public_id(TRADE, ids[-1])


def proposed() -> str:
    """Propose a change of reference data; return the address of its page."""
    (row,) = list_rows(kind=KINDS["books"], filters={"code": "BOOK-1"}, after=0, limit=1)
    number = propose_reference_change(
        kind="books",
        rows=[{**row[1], "name": "Equities, agency"}],
        reason="renamed",
        user=User.objects.first(),
        actor=CLERK,
        now=NOW,
    )
    return f"/reference/proposals/{public_id(PROPOSAL, number)}"


@pytest.mark.django_db(transaction=True)  # what a day of profit has seen are transactions that have ended
def test_axe_finds_nothing_on_any_screen_and_all_of_it_fits(
    things: Things, reader: Client, still_page: Any
) -> None:
    page = still_page
    widest = wide()
    post()
    tell()
    visit(page, "/")
    found = faults(page, "/") + misfits(page, "/")
    for address in (*screens(things), f"/trades/{widest}", proposed()):
        html = reader.get(address).content.decode()
        assert "<body data-screen=" in html, address
        assert re.search(r"<title>\S.* · Middleoffice</title>", html), address
        page.evaluate(SHOW, html)
        page.evaluate(UNFOLD)
        found += faults(page, address, "main") + misfits(page, address)
    assert not found, "\n".join(found)


def test_what_does_not_fit_is_found(still_page: Any) -> None:
    still_page.goto("/account")
    assert misfits(still_page, "/account") == []
    still_page.evaluate(SPOIL)
    found = "\n".join(misfits(still_page, "/account"))
    for fault in ("the page is wider than the window", "cut: h2", "over each other: ", "past the edge: h2"):
        for width, _ in WIDTHS:
            assert f"/account at {width}: {fault}" in found


def test_axe_finds_nothing_in_menus_and_dialogs(things: Things, still_page: Any) -> None:
    page = still_page
    visit(page, "/trades")
    found = []
    for n in range(page.locator("details.menu").count()):
        page.evaluate(UNFOLD_MENU, n)
        found += faults(page, "a menu", "details.menu[open]")
    page.evaluate(UNFOLD_MENU, -1)
    for key, dialog, filled in (
        ("?", "#keys", "dl"),
        ("Control+k", "#palette", "#palette-page-today[aria-selected=true]"),
        ("Space", "#peek", "[data-peeked]"),
    ):
        page.locator("[data-row-link]").first.focus()
        page.keyboard.press(key)
        page.wait_for_selector(f"{dialog} {filled}")
        found += faults(page, dialog, dialog)
        page.keyboard.press("Escape")
        page.wait_for_selector(dialog, state="hidden")
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_the_pages_of_strangers(things: Things, browser: Any) -> None:
    trade = database_id(TRADE, things.trade)
    assert trade is not None
    link = make_link(trade_id=trade, version=1, actor=CLERK, now=NOW)
    found = []
    with watched_page(browser, "http://testserver") as page:
        answer_with(Client(), page)
        for address in ("/log-in", f"/confirm/{link.token}", "/no/such/page"):
            visit(page, address)
            found += faults(page, address)
    assert not found, "\n".join(found)
