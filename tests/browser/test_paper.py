"""A trade, a batch and the log on paper: all of it, and nothing that can only be done on a screen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.test_authorisation import Things

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

MILLIMETRE = 96 / 25.4
UPRIGHT, ACROSS = 210 - 2 * 12, 297 - 2 * 10  # of A4 within its margins, in millimetres
CUT = """() => [...document.querySelectorAll("main *")]
  .filter(each => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1)
  .map(each => each.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize(
    ("kind", "width"), [("trade", UPRIGHT), ("batch", ACROSS), ("audit", ACROSS)], ids=str
)
def test_a_record_fits_on_paper(kind: str, width: float, things: Things, still_page: Any) -> None:
    page = still_page
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": int(width * MILLIMETRE), "height": 1000})
    page.goto(
        {"trade": f"/trades/{things.trade}", "batch": f"/batches/{things.batch}", "audit": "/audit"}[kind]
    )
    assert page.evaluate(CUT) == []
    for gone in (".side", ".top", ".filters", ".actions", "details.action > summary"):
        assert page.locator(f"{gone}:visible").count() == 0, gone
    assert page.locator(".printed").inner_text().startswith("Middleoffice, ")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
