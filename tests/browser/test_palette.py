"""The palette and the glance at a row by keyboard alone, in a real browser against the real product."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_keyboard import go, held, log_in, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

__all__ = ["held"]

FOCUSED = "document.activeElement.textContent"
CHOSEN = "#palette-list [aria-selected=true]"


def _open(page: Any) -> None:
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette-page-today[aria-selected=true]")


def test_the_palette_and_a_glance_lead_there_and_back(held: str, page: Any) -> None:
    person("ann", "operations")
    log_in(page, "ann")
    page.locator(".skip").focus()
    _open(page)
    assert page.evaluate("document.activeElement.id") == "palette-input"
    page.keyboard.press("ArrowUp")
    page.wait_for_selector("#palette-action-confirmation_upload[aria-selected=true]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("#palette-input").get_attribute("aria-activedescendant") == "palette-page-blotter"
    assert page.locator(CHOSEN).count() == 1
    page.keyboard.press("Escape")
    assert not page.locator("#palette").is_visible()
    assert page.evaluate(FOCUSED) == "Skip to the content"

    _open(page)
    page.keyboard.type(held)
    page.wait_for_selector(f"{CHOSEN} >> text={held}")
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=trade]")
    _open(page)
    page.keyboard.type("exc")
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=exceptions]")

    for letter, screen in (("e", "exceptions"), ("b", "blotter")):
        go(page, letter, screen)
        page.keyboard.press("j")
        row = page.evaluate(FOCUSED)
        page.keyboard.press("Space")
        page.wait_for_selector(f"#peek [data-peeked] h2 >> text={row}")
        assert page.url.endswith(f"#peek={row}")
        page.keyboard.press("Escape")
        page.wait_for_selector("#peek", state="hidden")
        page.wait_for_function(f"{FOCUSED} === '{row}'")
        assert "#" not in page.url
    page.keyboard.press("?")
    assert "Glance at the row" in page.locator("#keys").inner_text()
    page.keyboard.press("Escape")

    page.locator(".top .menu:not(.as-of) summary").focus()
    page.keyboard.press("Enter")
    page.locator("button[name=keys][value=off]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted[data-keys=off] body[data-screen=blotter]")
    page.locator("[data-row-link]").focus()
    for key in ("?", "g", "e", "j", "/"):
        page.keyboard.press(key)
    assert page.evaluate(FOCUSED) == held
    assert not page.locator("#keys").is_visible()
    _open(page)
