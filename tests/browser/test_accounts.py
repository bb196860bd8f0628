"""A second factor by keyboard alone: set up from the letters on the page, then asked for at the next log-in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.clock import utc_now
from tests.support.accounts import PASSWORD, code_at, code_now, member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def _log_in(page: Any) -> None:
    page.goto("/account")
    page.wait_for_selector("[name=username]:focus")
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def test_a_second_factor_is_set_up_and_then_logs_in(page: Any) -> None:
    member("ann", "operations")
    _log_in(page)
    page.wait_for_selector("html.scripted body[data-screen=account]")
    page.focus("text=Set up a second factor")
    page.keyboard.press("Enter")
    page.wait_for_selector("[name=code]:focus")
    assert page.locator("img.scan").evaluate("image => image.naturalWidth") > 0
    secret = page.inner_text("#secret").replace(" ", "")
    page.keyboard.type(code_now(secret))
    page.keyboard.press("Enter")
    page.wait_for_selector(".recovery")
    assert page.locator(".recovery li").count() == 10
    page.context.clear_cookies()
    _log_in(page)
    page.wait_for_selector("[name=code]:focus")
    page.keyboard.type(code_at(utc_now() + timedelta(seconds=30), secret))  # the one now is spent
    page.keyboard.press("Enter")
    page.wait_for_selector("html.scripted body[data-screen=account]")
    assert page.inner_text("main").count("this one") == 1
