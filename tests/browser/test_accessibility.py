"""Every screen holds to WCAG 2.2 AA as far as a machine can tell: axe finds nothing, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from core import sql
from core.clock import utc_now
from core.ids import BATCH, EXCEPTION, INSTRUCTION, TRADE, public_id
from ops.permissions import ROLES
from settlement.models import CHANNELS
from settlement.services.seal import seal_batches
from tests.browser.test_keyboard import SCREENS, log_in, person
from tests.settlement.support import SEALER
from tests.support import factories
from tests.support.product import LiveProduct
from tests.support.records import CLERK
from trades.models import ExceptionItem
from trades.services.confirmation_links import make_link

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# Only colours differ between the themes, so the other rules need no second look.
LOOKS = {"light": WCAG, "dark": {"type": "rule", "values": ["color-contrast"]}}
# The grid of /explore draws itself in a shadow tree of its own, which a screen cannot mend; the
# same rows stand in native tables on the screens that its status line leads back to.
NOT_OURS = {"exclude": [["perspective-viewer"]]}
# What is folded away is looked at too; the menus of the top bar would cover what lies below them.
UNFOLD = "document.querySelectorAll('details:not(.menu)').forEach(each => { each.open = true })"
UNFOLD_MENUS = "document.querySelectorAll('details.menu').forEach(each => { each.open = true })"

RUN = "([context, options]) => axe.run(context, options).then(found => found.violations)"


def _faults(page: Any, where: str) -> list[str]:
    """Return what axe finds on the open page: place, theme, rule, element and what is wrong with it."""
    page.evaluate(AXE_SCRIPT)  # by the debugger's channel: the page's own policy would refuse it, as it must
    found = []
    for theme, rules in LOOKS.items():
        page.emulate_media(color_scheme=theme)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        found += [
            f"{where} {theme} {fault['id']} {node['target']}: {node['failureSummary']}"
            for fault in page.evaluate(RUN, [NOT_OURS, options])
            for node in fault["nodes"]
        ]
    return found


@pytest.fixture
def records(live_product: LiveProduct) -> tuple[str, ...]:
    """Return the addresses of a held trade, its exception, and a sealed trade, batch and instruction."""
    today = factories.live_today()
    factories.world(today=today)
    front = factories.Front(live_product.base_url)
    held = factories.trade_id_of(front.post_trade(factories.equity("H", on=today, counterparty="NOBODY-9")))
    sound = factories.trade_id_of(front.post_trade(factories.unit_trade(0, on=today)))
    factories.wait_for(
        lambda: factories.states() == {"EXCEPTION": 1, "VALIDATED": 1}, seconds=20, what="both checked"
    )
    seal_batches(value_date=factories.settles_on(today), channels=CHANNELS, actor=SEALER, now=utc_now())
    ((batch, instruction),) = sql.rows("SELECT batch_id, id FROM settlement_instruction ORDER BY id LIMIT 1")
    return (
        f"/trades/{public_id(TRADE, held)}",
        f"/trades/{public_id(TRADE, held)}/change/amend",
        f"/trades/{public_id(TRADE, sound)}",
        f"/exceptions/{public_id(EXCEPTION, ExceptionItem.objects.get().id)}",
        f"/batches/{public_id(BATCH, batch)}",
        f"/instructions/{public_id(INSTRUCTION, instruction)}",
        "/confirm/" + make_link(trade_id=sound, version=1, actor=CLERK, now=utc_now()).token,
    )


def test_axe_finds_nothing_on_any_screen_in_light_and_in_dark(records: tuple[str, ...], page: Any) -> None:
    person("ann", *ROLES)
    page.goto("/log-in")
    faults = _faults(page, "/log-in")
    log_in(page, "ann")
    page.evaluate(UNFOLD_MENUS)
    faults += _faults(page, "the menus")
    for url in (*SCREENS, *records):
        page.goto(url)
        page.evaluate(UNFOLD)
        faults += _faults(page, url)
    assert not faults, "\n".join(faults)
