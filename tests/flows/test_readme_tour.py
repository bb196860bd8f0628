"""The README's five minutes, run to the letter against the real product with its demo.

A block marked `bash tour` is run in one shell, as somebody would who pastes one after the other; the block marked
`text tour` behind it is what it must print, with `…` for anything. `<!-- tour: … -->` is where a person acts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from core.clock import utc_now
from middleoffice.demo import load_demo
from tests.support.product import LiveProduct, live_database_url

ROOT = Path(__file__).resolve().parents[2]
CREDENTIALS = "demo-credentials.json"
_STEP = re.compile(r"^```(bash|text) tour\n(.*?)^```$|^<!-- tour: (.+?) -->$", re.MULTILINE | re.DOTALL)


class Shell:
    """A bash in which blocks are run one after the other, with what the blocks before have set."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env={**os.environ, "DATABASE_URL": live_database_url()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str) -> str:
        """Return what a block prints."""
        assert self._process.stdin and self._process.stdout
        end = uuid.uuid4().hex
        script = self._folder / "block.sh"
        script.write_text(block)
        self._process.stdin.write(f"source ./{script.name} </dev/null; echo {end}\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.strip() == end:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended in:\n{block}\n{''.join(lines)}")

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def fresh_checkout(folder: Path) -> Iterator[Shell]:
    """Give a shell in a folder that has what the README's commands use of a checkout."""
    (folder / "var").symlink_to(settings.VAR_DIR)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "manage.py").symlink_to(ROOT / "manage.py")
    shell = Shell(folder)
    try:
        yield shell
    finally:
        shell.close()


def expected(text: str) -> re.Pattern[str]:
    """Return the pattern of a block that says what is printed."""
    return re.compile(re.escape(text.strip()).replace("…", ".+"))


def repair(page: Any, trade: str, base_url: str) -> None:
    """Do in the console what the README tells."""
    credentials = json.loads((settings.VAR_DIR / CREDENTIALS).read_text())
    password = next(user["password"] for user in credentials["users"] if user["username"] == "olivia")
    page.goto(base_url)
    page.get_by_label("User name").fill("olivia")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Today").wait_for()
    page.wait_for_load_state()  # the keys are the script's, which comes after what is seen
    page.keyboard.press("/")
    page.keyboard.type(trade)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Work the exception").click()
    page.get_by_role("button", name="Assign to me").click()
    page.get_by_label("Price", exact=True).fill("124.38")
    page.get_by_label("Why this correction").fill("The point had slipped.")
    page.get_by_role("button", name="Repair", exact=True).click()
    page.get_by_text("Repaired").first.wait_for()


@pytest.mark.browser
def test_the_tour_in_the_readme_prints_what_it_says(live_product: LiveProduct, page, tmp_path):
    load_demo(
        url=live_product.base_url, path=settings.VAR_DIR / CREDENTIALS, now=utc_now(), say=lambda line: None
    )
    steps = [found.groups() for found in _STEP.finditer((ROOT / "README.md").read_text())]
    assert len(steps) > 15
    printed, by_hand = "", 0
    with fresh_checkout(tmp_path) as shell:
        for kind, text, act in steps:
            if act:
                repair(page, printed.rsplit(maxsplit=1)[-1], live_product.base_url)
                by_hand += 1
            elif kind == "bash":
                printed = shell.run(text)
            else:
                assert expected(text).fullmatch(printed.strip()), f"it says\n{text}\nbut it is\n{printed}"
    assert by_hand == 1
