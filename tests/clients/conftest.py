"""After a test of the client, requests close old connections again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections


@pytest.fixture(autouse=True)
def _connections_are_closed_again() -> Iterator[None]:
    yield
    for each in (request_started, request_finished):
        each.connect(close_old_connections)
