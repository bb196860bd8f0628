"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.sync_api import sync_playwright

# Without these, Chromium looks up hosts of its maker at every start.
QUIET_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """Return the Chromium of this machine, if it has one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def launch_chromium() -> Iterator[Any]:
    """Run a headless Chromium; without one, skip with the way to get it."""
    path = chromium_path()
    if path is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        # Its own sandbox needs rights that root in a container and many users do not have; the
        # only pages it opens are ours.
        chromium = playwright.chromium.launch(
            executable_path=path, headless=True, args=["--no-sandbox", *QUIET_FLAGS]
        )
        yield chromium
        chromium.close()


@contextmanager
def watched_page(browser: Any, base_url: str) -> Iterator[Any]:
    """Open a page whose script errors and breaches of the security policy fail the test."""
    context = browser.new_context(base_url=base_url, viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(10_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on(
        "console",
        lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield page
    context.close()
    assert not faults, "\n".join(faults)


def answer_with(client: Client, page: Any) -> None:
    """Let a test client answer whatever a page asks for: one that only reads needs no server, and nothing else acts
    on the records of the test, which stand in its own transaction. The client's cookies are the ones that count.
    """

    context = copy_context()  # Playwright calls in one of its own, in which Django would connect anew

    def answer(route: Any) -> None:
        asked = urlsplit(route.request.url)
        given = {name: value for name, value in route.request.headers.items() if name.startswith("hx-")}
        response = context.run(client.get, f"{asked.path}?{asked.query}", headers=given, follow=True)
        route.fulfill(status=response.status_code, headers=dict(response.items()), body=response.getvalue())

    page.route("**/*", answer)
