"""Pictures of every screen with the demo in it, at each width and in each theme, for a person to look at.

They are taken only when they are asked for, with LOOKS=folder in the environment, and stand there. What a machine can
see of them is looked at too: nothing is cut, lies over another or runs past the edge, with rows as full as the demo's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from core import sql
from core.ids import (
    BATCH,
    BREAK,
    CONFIRMATION,
    EXCEPTION,
    INSTRUCTION,
    INVOICE,
    RECONCILIATION_RUN,
    TRADE,
    public_id,
)
from middleoffice.demo import load_demo
from ops.permissions import ROLES
from ops.tour import LEFT
from tests.browser.test_accessibility import WIDTHS, misfits
from tests.browser.test_keyboard import SCREENS
from tests.ledger.profit_support import tell
from tests.ledger.support import post
from tests.ops.conftest import SignIn
from tests.support.browser import answer_with, watched_page
from tests.support.records import NOW

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not os.environ.get("LOOKS"), reason="looks are taken when LOOKS is set"),
]

TALLEST = 2400
# How far rows must be scrolled sideways: some lists are wide on purpose, which a person judges.
SIDEWAYS = """() => [...document.querySelectorAll("main .region")]
  .filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => `${each.getAttribute("aria-label")} by ${each.scrollWidth - each.clientWidth} px`)"""


def _take(page: Any, folder: Path, address: str, width: int) -> None:
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    stem = address.strip("/").replace("/", "-").partition("?")[0] or "today"
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        box = {"x": 0, "y": 0, "width": width, "height": height}
        page.screenshot(path=folder / f"{stem}-{width}-{theme}.png", full_page=True, clip=box)


def _records() -> list[str]:
    """Return addresses of the newest record of each kind that has a screen."""
    return [
        f"/{place}/{public_id(kind, found)}"
        for place, kind, table, which in (
            ("trades", TRADE, "trades_version", "trade_id"),
            ("exceptions", EXCEPTION, "trades_exception", "id"),
            ("batches", BATCH, "settlement_batch", "id"),
            ("instructions", INSTRUCTION, "settlement_instruction", "id"),
            ("invoices", INVOICE, "settlement_invoice", "id"),
            ("breaks", BREAK, "ledger_break", "id"),
            ("reconciliations/runs", RECONCILIATION_RUN, "ledger_reconciliation_run", "id"),
            ("confirmations", CONFIRMATION, "trades_confirmation", "id"),
        )
        for (found,) in sql.rows(f"SELECT max({which}) FROM {table}")
        if found is not None
    ]


def test_every_screen_of_the_demo_has_its_looks_taken(
    browser: Any, sign_in: SignIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_demo(url="http://testserver", path=tmp_path / "credentials.json", now=NOW, say=lambda line: None)
    post()
    tell()
    somebody = sign_in(*ROLES, name="sam")
    somebody.cookies["tour"] = LEFT
    folder = Path(os.environ["LOOKS"])
    folder.mkdir(parents=True, exist_ok=True)
    found, wide = [], []
    with watched_page(browser, "http://testserver") as page:
        answer_with(somebody, page)
        page.clock.set_fixed_time(NOW)
        for address in (*SCREENS, *_records()):
            page.goto(address)
            if address.startswith("/explore"):
                page.wait_for_selector("[data-shown]")
            for width, height in WIDTHS:
                page.set_viewport_size({"width": width, "height": height})
                wide += [f"{address} at {width}: {each}" for each in page.evaluate(SIDEWAYS)]
                _take(page, folder, address, width)
            found += misfits(page, address)
    with capsys.disabled():
        print("\nScrolled sideways:", *wide, sep="\n  ")
    assert not found, "\n".join(found)
