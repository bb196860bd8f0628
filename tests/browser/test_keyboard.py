"""The desk's day by keyboard alone, in a real browser against the real product."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from core.clock import utc_now
from core.ids import TRADE, public_id
from core.models import Proposal
from ops.permissions import ROLES, ensure_roles
from settlement.models import Chase
from settlement.services.seal import seal_batches
from tests.support import factories
from tests.support.product import LiveProduct
from tests.support.records import CLERK
from trades.models import ExceptionItem
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "a password for tests"
SCREENS = (
    "/", "/trades", "/bulk", "/exceptions", "/exceptions/causes", "/straight-through", "/approvals", "/batches",
    "/limits", "/settlement?mover=OPERATIONS",
    "/audit", "/ssis", "/ssis/change", "/positions", "/profit", "/profit/adjustments",
    "/profit/margins", "/profit/valuation",
    "/corporate-actions", "/journal", "/journal/entries", "/invoices",
    "/holds?view=all", "/calendars", "/calendars/change?kind=cut-offs", "/reconciliations",
    "/reconciliations/new", "/reconciliations/upload", "/settlement/fails", "/settlement/chase", "/settlement/calendar",
    "/confirmations", "/confirmations/upload", "/confirmations/policies", "/explore/trades", "/exports", "/demo",
    "/notifications", "/breaks", "/reference", "/reference/change", "/reference/upload",
    "/integrations", "/people", "/account",
)  # fmt: skip


def person(name: str, *roles: str) -> None:
    ensure_roles()
    User.objects.create_user(name, password=PASSWORD).groups.set(Group.objects.filter(name__in=roles))


def log_in(page: Any, name: str) -> None:
    page.goto("/")
    page.wait_for_selector("[name=username]:focus")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=today]")


def go(page: Any, letter: str, screen: str) -> None:
    page.keyboard.press("g")
    page.keyboard.press(letter)
    page.wait_for_selector(f"html.scripted body[data-screen={screen}]")


@pytest.fixture
def held(live_product: LiveProduct) -> str:
    """Return the reference of a trade that the running product holds."""
    today = factories.live_today()
    factories.world(today=today)
    front = factories.Front(live_product.base_url)
    trade_id = factories.trade_id_of(front.post_trade(factories.equity(on=today, counterparty="NOBODY-9")))
    factories.wait_for(ExceptionItem.objects.exists, seconds=20, what="an exception")
    return public_id(TRADE, trade_id)


def test_a_held_trade_is_taken_repaired_and_seen_validated(held: str, page: Any) -> None:
    person("ann", "operations")
    log_in(page, "ann")
    go(page, "e", "exceptions")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=exception]")
    page.keyboard.press("m")
    page.wait_for_selector("text=It is yours.")
    page.keyboard.press("z")
    page.wait_for_selector("text=It is taken back.")
    page.keyboard.press("m")
    page.wait_for_selector("text=It is yours.")
    page.keyboard.press("c")
    page.keyboard.type("g b ? are only letters while one types")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("blockquote")
    page.keyboard.press("e")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("BROKER-01")
    page.locator("form[action$='/repair'] textarea").focus()
    page.keyboard.type("the desk confirms the broker")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Nothing is left to take")
    page.keyboard.press("/")
    page.keyboard.type(held)
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=trade]")
    factories.wait_for(lambda: factories.states() == {"VALIDATED": 1}, seconds=20, what="validated")
    page.reload()
    assert page.locator("main .pill").first.inner_text() == "validated"
    page.keyboard.press("Escape")
    page.wait_for_selector("html.scripted body[data-screen=blotter]")


def test_exceptions_are_chosen_previewed_and_worked_together(held: str, page: Any) -> None:
    person("ann", "operations")
    log_in(page, "ann")
    go(page, "e", "exceptions")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.wait_for_selector("[data-choose]:checked")
    page.keyboard.press("a")
    page.keyboard.type("Name")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=bulk]")
    page.locator("[name=root_cause]").focus()
    page.keyboard.type("late static data")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=would be done")
    assert not ExceptionItem.objects.exclude(root_cause="").exists()
    page.wait_for_load_state()  # the script may still move the focus to what it announces
    page.locator("button[value=do]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=1 done")
    assert ExceptionItem.objects.get().root_cause == "late static data"


@pytest.fixture
def validated(live_product: LiveProduct) -> None:
    """Have a trade that the running product validated, under a limit that lets people ask for more."""
    today = factories.live_today()
    factories.world(today=today)
    factories.limit(hard="20000", warn="10", excess_max="5000", excess_hours=8)
    front = factories.Front(live_product.base_url)
    front.post_trade(factories.equity(on=today))
    factories.wait_for(lambda: factories.states() == {"VALIDATED": 1}, seconds=20, what="validated")


def test_what_is_stuck_with_others_is_chosen_and_chased(validated: None, page: Any) -> None:
    seal_batches(value_date=date.max, channels=["CASH"], actor=CLERK, now=utc_now())
    person("ann", "operations")
    log_in(page, "ann")
    page.goto("/settlement?mover=BACK_OFFICE")
    page.wait_for_selector("html.scripted")
    page.locator("tr:has([data-choose]) [data-row-link]").focus()
    page.keyboard.press("x")
    page.wait_for_selector("text=1 chosen")
    page.keyboard.press("a")
    page.wait_for_selector("html.scripted body[data-screen=chase]")
    page.keyboard.press("f")
    page.keyboard.type("the clearing desk")
    page.locator("[name=note]").focus()
    page.keyboard.type("they look into it")
    assert not Chase.objects.exists()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The chase of 1 is recorded.")
    assert (Chase.objects.get().whom, Chase.objects.get().way) == ("the clearing desk", "MAIL")


def test_more_of_a_limit_is_asked_for(validated: None, page: Any) -> None:
    person("rita", "risk")
    log_in(page, "rita")
    go(page, "l", "limits")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=limit]")
    page.keyboard.press("f")
    for told in ("1000", "2", "a large order comes"):
        page.keyboard.type(told)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The excess is proposed.")
    assert Proposal.objects.get().content["amount"] == "1000"


def test_a_change_of_reference_data_is_proposed(live_product: LiveProduct, page: Any) -> None:
    factories.world(today=factories.live_today())
    person("ann", "operations")
    log_in(page, "ann")
    go(page, "u", "reference")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=reference_row]")
    page.locator("[data-change]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=reference_change]")
    page.locator("[name=country]").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("FR")
    page.locator("[name=reason]").focus()
    page.keyboard.type("they have moved")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=awaits a second person: they have moved")


def test_a_list_changes_in_place_and_leaves_what_is_chosen(live_product: LiveProduct, page: Any) -> None:
    today = factories.live_today()
    factories.world(today=today)
    front = factories.Front(live_product.base_url)
    trades = [
        factories.trade_id_of(front.post_trade(factories.equity(on=today, quantity=quantity)))
        for quantity in ("101", "102")
    ]
    refs = [public_id(TRADE, each) for each in trades]
    factories.wait_for(lambda: factories.states() == {"VALIDATED": 2}, seconds=20, what="two checked")
    person("ann", "operations")
    log_in(page, "ann")
    go(page, "b", "blotter")
    page.wait_for_selector("text=of 2 trades")
    ask = "document.dispatchEvent(new Event('visibilitychange'))"  # as for whoever comes back to the page
    page.locator(f"tr[data-key={refs[0]}] [data-choose]").check()
    page.wait_for_selector("text=1 chosen")
    for each in trades:
        change_trade(change=Change("CANCEL", each, "called off"), actor=CLERK, now=utc_now())
    page.evaluate(ask)
    page.wait_for_selector(f"tr[data-key={refs[1]}] >> text=cancelled")
    page.wait_for_selector(f"tr.behind[data-key={refs[0]}] >> text=validated")
    newest = factories.trade_id_of(front.post_trade(factories.equity(on=today, quantity="103")))
    page.evaluate(ask)
    page.wait_for_selector("text=1 new")
    page.wait_for_selector("#total >> text=3 trades")  # what the filter adds up to is of all, shown or not
    assert page.locator("#rows tr").count() == 2
    page.keyboard.press("r")
    page.wait_for_selector(f"#rows tr:first-child[data-key={public_id(TRADE, newest)}]")
    assert page.locator(f"tr[data-key={refs[0]}] [data-choose]").is_checked()


def test_today_keeps_itself_current(held: str, page: Any) -> None:
    person("ann", "operations")
    log_in(page, "ann")
    page.wait_for_selector("[data-part=queue] [data-cell=unassigned]:text-is('1')")
    ExceptionItem.objects.update(owner=User.objects.get(username="ann"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when the tab is seen again
    page.wait_for_selector("[data-part=queue] [data-cell=mine].changed:text-is('1')")
    page.wait_for_selector("[data-part=queue] [data-cell=unassigned]:text-is('0')")


def test_the_filter_works_in_place_and_stands_in_the_address(held: str, page: Any) -> None:
    person("ann", "operations")
    log_in(page, "ann")
    go(page, "b", "blotter")
    page.select_option("#f-status", "settled")
    page.wait_for_url(re.compile(r"/trades\?status=settled$"))
    page.wait_for_selector("text=No trade matches status “settled”")
    page.select_option("#f-status", "exception")
    page.wait_for_selector(f"text={held}")
    page.wait_for_selector("text=rows of 1 trade")


def test_the_past_is_looked_at_and_left_by_keyboard(held: str, page: Any) -> None:
    person("ann", "operations")
    log_in(page, "ann")
    go(page, "b", "blotter")
    page.select_option("#f-status", "exception")
    page.wait_for_url(re.compile(r"/trades\?status=exception$"))
    page.locator(".as-of summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "at"
    page.fill(".as-of [name=at]", "2020-01-02T10:00:00")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/as-of/2020-01-02T[0-9:]+Z/trades\?status=exception$"))
    page.wait_for_selector("text=read only")
    assert held not in page.locator("main").inner_text()
    go(page, "e", "exceptions")
    assert "/as-of/" in page.url
    page.locator("main >> text=Back to now").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\d/exceptions$"))
    page.wait_for_selector(f"text={held}")


def test_somebody_new_takes_the_tour_and_asks_for_help(held: str, page: Any) -> None:
    person("fred", "front-office reader")
    log_in(page, "fred")
    page.locator("main button[name=tour][value=today]").focus()
    page.keyboard.press("Enter")
    for title, screen in (
        ("Begin with Today", "today"),
        ("Find any trade", "blotter"),
        ("Ask what a word means", "today"),
    ):
        page.wait_for_selector(f"html.scripted body[data-screen={screen}] #tour-title >> text={title}")
        page.wait_for_selector("[data-tour-next]:focus")
        page.keyboard.press("Enter")
    page.wait_for_selector(".tour", state="detached")
    page.wait_for_selector("html.scripted body[data-screen=today]")
    page.keyboard.press("?")
    shown = page.locator("#keys").inner_text()
    assert "The time by which a market or channel must have been told" in shown
    assert "Blotter" in shown
    assert "Exceptions" not in shown
    assert "Take the next exception" not in shown
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()


def assert_it_fits(page: Any) -> None:
    for width in (1440, 1024):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (page.url, width)


def test_no_screen_is_wider_than_the_window(held: str, page: Any) -> None:
    person("ann", *ROLES)
    log_in(page, "ann")
    exception = ExceptionItem.objects.get()
    for url in (*SCREENS, f"/trades/{held}", f"/exceptions/{public_id('exc', exception.id)}"):
        page.goto(url)
        assert_it_fits(page)
    page.goto(f"/as-of/{utc_now().isoformat().replace('+00:00', 'Z')}/trades/{held}")
    page.locator(".as-of summary").click()
    page.wait_for_selector("text=read only")
    assert_it_fits(page)


def test_the_grid_shows_the_rows_and_leads_back_to_the_records(held: str, page: Any) -> None:
    person("ann", "operations")
    log_in(page, "ann")
    go(page, "x", "explore")
    page.wait_for_selector("[data-shown]")
    assert page.locator("[data-explore-status]").inner_text() == "1 row."
    row = page.locator("perspective-viewer").locator("tbody tr").nth(1)
    row.locator("td").first.click()
    link = page.locator("[data-explore-status] a")
    link.wait_for()
    assert link.get_attribute("href") == "/trades?product=EQUITY"
    page.wait_for_url(re.compile(r"/explore/trades"))
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(f"text={held}")
