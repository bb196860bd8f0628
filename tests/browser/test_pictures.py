"""The pictures of docs/reference/console.md: each page of the console, with the demo in it.

They are taken only when they are asked for, with PICTURES=1 in the environment, and then stand in docs/images/console.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.urls import NoReverseMatch, reverse

from core.ids import BATCH, EXCEPTION, TRADE, public_id
from middleoffice.demo import load_demo
from middleoffice.documentation.console import PICTURES
from middleoffice.documentation.places import DOCS
from ops.help import PAGES
from ops.permissions import ROLES
from ops.tour import LEFT
from settlement.models import Batch
from tests.ledger.profit_support import tell
from tests.ledger.support import post
from tests.ops.conftest import SignIn
from tests.support.browser import answer_with, watched_page
from tests.support.records import NOW
from trades.models import ExceptionItem

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not os.environ.get("PICTURES"), reason="pictures are taken when PICTURES is set"),
]


def address_of(name: str) -> str:
    """Return the address of a page of the table of help, of the record that was made last where it is of one."""
    held = ExceptionItem.objects.filter(trade_id__isnull=False).latest("id")
    assert held.trade_id is not None
    records = {
        "trade": public_id(TRADE, held.trade_id),
        "exception": public_id(EXCEPTION, held.id),
        "batch": public_id(BATCH, Batch.objects.latest("id").id),
    }
    try:
        return reverse(name)
    except NoReverseMatch:
        return reverse(name, args=[records[name]])


def test_each_page_has_its_picture_taken(browser: Any, sign_in: SignIn, tmp_path: Path) -> None:
    load_demo(url="http://testserver", path=tmp_path / "credentials.json", now=NOW, say=lambda line: None)
    post()
    tell()
    somebody = sign_in(*ROLES, name="sam")
    somebody.cookies["tour"] = LEFT
    folder = DOCS / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    with watched_page(browser, "http://testserver") as page:
        answer_with(somebody, page)
        page.clock.set_fixed_time(NOW)
        page.set_viewport_size({"width": 1280, "height": 800})
        for name in PAGES:
            page.goto(address_of(name))
            page.wait_for_selector(f"body[data-screen={name}]")
            if name == "explore":
                page.wait_for_selector("[data-shown]")
            page.screenshot(path=folder / f"{name}.png")
    for old in folder.iterdir():
        if old.stem not in PAGES:
            old.unlink()
