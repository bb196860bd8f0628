"""Fixtures of all tests. `tests/plugin.py` starts the servers they use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import time_machine
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from hypothesis import settings as hypothesis

from tests.support.browser import launch_chromium, watched_page
from tests.support.product import LiveProduct
from tests.support.records import minute

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.register_profile("untimed", deadline=None)
hypothesis.load_profile("untimed")

# The cheapest hash that whoever checks a password, in this process or in the product's, can read as it stands.
Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism = 1, 8, 1


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Let this process, and nothing else, empty tables that refuse TRUNCATE: between tests they must be empty."""
    options = settings.DATABASES["default"]["OPTIONS"]
    options["options"] += " -c middleoffice.may_truncate=on"


@pytest.fixture
def redis_client() -> Iterator[redis.Redis]:
    """Return a client of the session's Redis, emptied first."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client


@pytest.fixture
def later_that_day() -> Iterator[None]:
    """Let the clock run from an hour after the records' NOW, so that the moments before it are past."""
    with time_machine.travel(minute(60), tick=True):
        yield


_started = pytest.StashKey[LiveProduct]()


@pytest.fixture(scope="session")
def _product(django_db_setup: None, pytestconfig: pytest.Config) -> Iterator[LiveProduct]:
    pytestconfig.stash[_started] = product = LiveProduct()
    yield product
    product.stop()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the live product before a test without it: its workers would claim the rows of the other."""
    if _started in item.config.stash and "live_product" not in getattr(nextitem, "fixturenames", ()):
        item.config.stash[_started].stop()


@pytest.fixture
def live_product(_product: LiveProduct, transactional_db: None) -> Iterator[LiveProduct]:
    """Return the real product (granian, Celery worker and beat) on the test database, all running.

    It is started once and kept for the session; what one test kills, the next finds alive again. It
    is quiet before the database is emptied after the test.
    """
    _product.ensure("web", "worker", "beat")
    yield _product
    _product.quiesce()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return a headless Chromium, or skip with the way to get one."""
    # Playwright keeps an event loop in this thread, where Django would refuse to use the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with launch_chromium() as chromium:
        yield chromium


@pytest.fixture
def page(browser: Any, live_product: LiveProduct) -> Iterator[Any]:
    """Return a page in a fresh context; relative addresses go to the live product.

    The test fails if the page raised a script error or broke the content security policy.
    """
    with watched_page(browser, live_product.base_url) as page:
        yield page
