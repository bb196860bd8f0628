"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
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
