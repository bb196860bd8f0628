"""The main action of each page by keyboard alone: the keys of the house, Tab and Enter, and never far to go.

Nothing is clicked and no script moves the focus. Who comes to a page skips to its content, as a keyboard does; each
step says how many Tabs it may take, and what has the focus must show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from core.ids import BATCH, BREAK, EXCEPTION, TRADE, WEBHOOK, public_id
from core.models import Event, Proposal
from feed.models import Delivery
from ledger.models import ProfitSignOff
from ops.models import SavedView
from ops.tour import LEFT
from settlement.models import Batch, Channel
from settlement.selectors import open_breaks
from settlement.services.attest import MEASURES, compare_day
from tests.feed.support import Clock, Listener, deliver, tell, webhook
from tests.ledger import profit_support as profit
from tests.ledger.reconciling import break_ids, defined, run
from tests.ledger.statements import listed, send
from tests.ledger.test_runs import line
from tests.ops.conftest import SignIn
from tests.settlement.support import batch_of, client, seal, validated
from tests.settlement.test_attest import OVER
from tests.support.browser import watched_page
from tests.support.factories import captured_ids, checked, equity, limit, states, unit_trade, world
from tests.support.records import TODAY, state_of, version_of
from trades.lifecycle import State
from trades.models import BulkRun, ExceptionItem

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

At = Callable[..., Any]
HELD = {"counterparty": "NOBODY-9"}
# What has the focus is seen, and its ring with it.
SEEN = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const ring = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return ring && box.bottom > 0 && box.top < innerHeight && box.width > 1;
}"""


@pytest.fixture
def at(live_server: Any, browser: Any, sign_in: SignIn) -> Iterator[At]:
    """Return a function that opens an address as somebody of some roles, at the top of its content."""
    with ExitStack() as pages:

        def opened(address: str, *roles: str) -> Any:
            cookies = sign_in(*roles).cookies
            cookies["tour"] = LEFT
            page = pages.enter_context(watched_page(browser, live_server.url))
            page.context.add_cookies(
                [
                    {"name": name, "value": each.value, "url": live_server.url}
                    for name, each in cookies.items()
                ]
            )
            page.goto(address)
            page.wait_for_selector("html.scripted")
            skip(page)
            return page

        yield opened


def skip(page: Any) -> None:
    """Skip to the content of a page that has just come."""
    press(page, "Tab", "Enter")
    page.wait_for_selector("#screen:focus")


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def reach(page: Any, selector: str, *, tabs: int, by: str = "Tab") -> None:
    """Go to what a selector names, in so many Tabs at most."""
    for _ in range(tabs):
        page.keyboard.press(by)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            assert page.evaluate(SEEN), f"the focus on {selector} is not seen"
            return
    raise AssertionError(
        f"{selector} is further than {tabs} Tabs: {page.evaluate('document.activeElement.outerHTML')}"
    )


def write(page: Any, selector: str, text: str, *, tabs: int = 1) -> None:
    """Go to a field and write over what stands in it."""
    reach(page, selector, tabs=tabs)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def arrives(page: Any, screen: str) -> None:
    page.wait_for_selector(f"html.scripted body[data-screen={screen}]")


def approve(at: At, role: str, *, count: str = "") -> None:
    """Have somebody else approve the one thing that waits."""
    page = at("/approvals", role)
    write(page, "[name=note]", "seen", tabs=4)
    if count:
        write(page, "[name=count]", count)
    reach(page, "form.actions button", tabs=2)
    press(page, "Enter")
    page.wait_for_selector(".notice.success")


def test_today_takes_the_next_exception(at: At) -> None:
    world()
    checked(equity(**HELD))
    page = at("/", "operations")
    press(page, "n")
    arrives(page, "exception")
    page.wait_for_selector(f"text={HELD['counterparty']}")
    assert [each.owner.get_username() for each in ExceptionItem.objects.all()] == ["operations"]


def test_the_blotter_opens_a_trade_and_comes_back(at: At) -> None:
    world()
    (trade,) = captured_ids(equity())
    page = at("/trades", "operations")
    press(page, "j", "Enter")
    arrives(page, "trade")
    assert public_id(TRADE, trade) in page.url
    press(page, "Escape")
    arrives(page, "blotter")


@pytest.mark.parametrize("many", ["Re-check", "Assign"])
def test_the_blotter_does_it_with_many(many: str, at: At) -> None:
    world()
    for quantity in ("101", "102"):
        checked(equity(quantity=quantity, **HELD))
    page = at("/trades", "operations")
    press(page, "j", "x", "j", "x")
    page.wait_for_selector("text=2 chosen")
    press(page, "a")
    page.keyboard.type(many)
    press(page, "Tab", "Enter")
    arrives(page, "trade_bulk")
    skip(page)
    if many == "Assign":
        write(page, "[name=owner]", "operations", tabs=2)
    write(page, "[name=reason]", "the static data is there", tabs=3)
    press(page, "Tab", "Enter")
    page.wait_for_selector("#each:focus")
    reach(page, "button[value=do]", tabs=2, by="Shift+Tab")
    assert not BulkRun.objects.exists()
    press(page, "Enter")
    page.wait_for_selector("text=2 done")
    assert BulkRun.objects.get().action == many.lower()


def test_the_blotter_is_exported(at: At) -> None:
    world()
    captured_ids(equity())
    page = at("/trades", "operations")
    reach(page, "details:has(a[href*=export]) summary", tabs=9)
    press(page, "Enter")
    reach(page, "a[href*='format=csv']", tabs=2)
    with page.expect_download() as sent:
        press(page, "Enter")
    assert sent.value.suggested_filename.endswith(".csv")
    press(page, "Escape")
    assert page.evaluate("document.activeElement.matches('summary')")


def test_a_trade_is_amended_after_its_preview(at: At) -> None:
    world()
    trade = checked(equity())
    page = at(f"/trades/{public_id(TRADE, trade)}", "operations")
    reach(page, "a[href$='/amend']", tabs=4)
    press(page, "Enter")
    arrives(page, "change")
    skip(page)
    write(page, "[name='set.quantity']", "50", tabs=16)
    write(page, "[name='set.net_amount']", "", tabs=16)
    press(page, "Backspace")
    write(page, "[name=reason]", "as agreed", tabs=16)
    press(page, "Tab", "Enter")
    page.wait_for_selector("text=It would be version 2")
    page.wait_for_selector("#follows:focus")
    assert state_of(trade) == (State.VALIDATED, 1)
    reach(page, "button[value=confirm]", tabs=3)
    press(page, "Enter")
    page.wait_for_selector("text=Stored as version 2")
    assert version_of(trade, 2)["quantity"] == 50


def test_an_exception_is_resolved_and_the_next_comes(at: At) -> None:
    world()
    for quantity in ("101", "102"):
        checked(equity(quantity=quantity, **HELD))
    page = at("/exceptions", "operations")
    press(page, "j", "Enter")
    arrives(page, "exception")
    first = page.url
    press(page, "e")
    press(page, "ControlOrMeta+a")
    page.keyboard.type("BROKER-01")
    write(page, "form[action$='/repair'] [name=reason]", "the desk confirms the broker", tabs=30)
    press(page, "Tab", "Enter")
    page.wait_for_selector("text=the checks look at it again")
    arrives(page, "exception")
    assert page.url != first
    assert states() == {"CAPTURED": 1, "EXCEPTION": 1}
    assert page.url.endswith(public_id(EXCEPTION, ExceptionItem.objects.get(owner__username="operations").id))


@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_an_approval_is_decided_by_its_button_and_by_no_single_key(decision: str, at: At) -> None:
    world()
    limit("CPTY", hard="10", excess_max=100, excess_hours=4)
    checked(unit_trade(0))
    maker = at("/limits/member?limit=CPTY&key=BROKER-01", "supervisor")
    write(maker, "[name=amount]", "100", tabs=3)
    write(maker, "[name=hours]", "2")
    write(maker, "[name=reason]", "a large order")
    press(maker, "Tab", "Enter")
    maker.wait_for_selector(".notice.success")
    page = at("/approvals", "risk")
    press(page, "j")
    press(page, *"adeimnrxzy")
    assert Proposal.objects.get().state == "PENDING"
    write(page, "[name=note]", "seen", tabs=2)
    reach(page, f"button{'[formaction$=decline]' if decision == 'decline' else ''}", tabs=2)
    press(page, "Space" if decision == "decline" else "Enter")
    page.wait_for_selector(".notice.success")
    assert Proposal.objects.get().state == {"approve": "APPROVED", "decline": "REJECTED"}[decision]


def test_batches_are_sealed(at: At) -> None:
    world()
    validated(equity())
    page = at("/batches", "operations")
    reach(page, "summary:has(+ form[action$='/seal'])", tabs=16)
    press(page, "Enter", "Tab")
    page.keyboard.type("11252026")
    reach(page, "form[action$='/seal'] button", tabs=12)
    press(page, "Enter")
    page.wait_for_selector("text=Sealed 2 batches.")
    assert Batch.objects.count() == 2


def test_a_batch_is_released_by_two_people_who_type_its_count(at: At) -> None:
    world()
    Channel.objects.filter(code="CASH").update(release_from="0")
    validated(equity())
    seal()
    batch = batch_of("CASH")
    page = at(f"/batches/{public_id(BATCH, batch)}", "operations")
    reach(page, "summary:has(+ form[action$='/release'])", tabs=8)
    press(page, "Enter")
    write(page, "[name=count]", "1")
    write(page, "[name=reason]", "agreed with the desk")
    press(page, "Tab", "Enter")
    page.wait_for_selector(".notice.success")
    approve(at, "supervisor", count="1")
    assert Event.objects.filter(type="batch.release_approved").count() == 1


def test_a_day_is_signed_off_by_two_people(at: At) -> None:
    world()
    captured_ids(equity())
    profit.tell()
    page = at("/profit", "operations")
    write(page, "form[action$='/sign-off'] [name=reason]", "compared with the desk", tabs=30)
    press(page, "Tab", "Enter")
    page.wait_for_selector("text=waits for a second person to sign")
    approve(at, "supervisor")
    assert ProfitSignOff.objects.count() == 1


def test_a_break_is_matched(at: At) -> None:
    world()
    captured_ids(equity("E-1"))
    defined()
    send(listed("TRADES", [line("E-1", amount="18726"), line("E-9")], source="FO-EQ"))
    run()
    page = at("/breaks", "operations")
    press(page, "j", "Enter")
    arrives(page, "break")
    assert any(public_id(BREAK, each) in page.url for each in break_ids())
    skip(page)
    write(page, "[name=until]", "", tabs=14)
    page.keyboard.type("12312026")
    write(page, "form[action$='/match'] [name=reason]", "a fee that they booked apart", tabs=8)
    reach(page, "form[action$='/match'] button", tabs=1)
    press(page, "Enter")
    page.wait_for_selector("text=awaits a second person")
    assert Proposal.objects.filter(state="PENDING").count() == 1


def test_a_difference_of_counts_is_explained(at: At) -> None:
    world()
    Channel.objects.update(release_from=None)
    validated(equity())
    seal()
    by = client("their system")
    compare_day(day=TODAY, counts={"CASH": dict.fromkeys(MEASURES, 0)}, client=by, actor=by.actor(), now=OVER)
    assert len(open_breaks()) == 1
    page = at("/batches", "operations")
    write(page, "form[action*='/breaks/'] [name=reason]", "their clock was late", tabs=12)
    press(page, "Tab", "Enter")
    page.wait_for_selector("text=Closed.")
    assert open_breaks() == []


def test_a_layout_of_explore_is_saved(at: At) -> None:
    world()
    captured_ids(equity())
    page = at("/explore/trades", "operations")
    page.wait_for_selector("[data-shown]")
    reach(page, "summary", tabs=10)
    press(page, "Enter")
    write(page, "[name=name]", "By book")
    reach(page, "form[action$='/save'] button, form[action*=layout] button", tabs=4)
    press(page, "Enter")
    page.wait_for_selector("text=By book")
    assert SavedView.objects.get().name == "By book"


def test_the_evidence_of_a_day_is_exported(at: At) -> None:
    world()
    captured_ids(equity())
    page = at("/audit", "auditor")
    reach(page, "form[action*=evidence] button", tabs=12)
    with page.expect_download() as sent:
        press(page, "Enter")
    assert "2026-11-23" in sent.value.suggested_filename


def test_a_delivery_is_told_again(at: At) -> None:
    made, _ = webhook()
    tell(1)
    deliver(Listener(), Clock())
    page = at("/integrations", "administrator")
    press(page, "j", "Enter")
    arrives(page, "webhook")
    assert public_id(WEBHOOK, made.id) in page.url
    skip(page)
    reach(page, "form[action$='/replay'] summary", tabs=8)
    press(page, "Enter")
    write(page, "[name=reason]", "they lost it")
    reach(page, "[name=delivery]", tabs=6)
    press(page, "Enter")
    page.wait_for_selector(".notice.success")
    assert Delivery.objects.get().state == "PENDING"
