"""A browser without a server: a test client answers it, from the records of the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from ops.permissions import ROLES
from tests.ops.conftest import SignIn, day, sign_in, world
from tests.support.browser import answer_with, watched_page
from tests.test_authorisation import things

__all__ = ["day", "sign_in", "things", "world"]


@pytest.fixture
def reader(sign_in: SignIn) -> Client:
    """Return a client of somebody who may see everything, on a day that stands still."""
    return sign_in(*ROLES)


@pytest.fixture
def still_page(browser: Any, reader: Client) -> Iterator[Any]:
    """Return a page of that person, for what only reads."""
    with watched_page(browser, "http://testserver") as page:
        answer_with(reader, page)
        yield page
