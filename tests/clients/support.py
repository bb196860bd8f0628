"""A back office that pulls with the client, from the product in this process, and can be killed at every step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import httpx
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from middleoffice_client import Batch, Client, Folder, HandOver, Pull, Pulled, Trust

from tests.support.factories import api_client


class Killed(BaseException):
    """Ends a pull where it stands, and nothing of it catches it."""


class InProcess(httpx.WSGITransport):
    """Has the product answer in this process, on the connection of the test, which it leaves open."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request. Django's own test client has the signals close connections again after each of its own."""
        for each in (request_started, request_finished):
            each.disconnect(close_old_connections)
        return super().handle_request(request)


class Office:
    """Pulls into folders of its own, with a token of its own, and takes away what is put into its spool.

    `before` is done once, before the first step of a name.
    """

    def __init__(self, folder: Path, name: str = "puller", hand_over: HandOver | None = None) -> None:
        _, token = api_client(name)
        self.folder = folder
        self.spool = folder / "spool"
        self.hand_over = hand_over or Folder(self.spool)
        self.client = Client(
            "http://testserver",
            token,
            transport=InProcess(app=get_wsgi_application()),
        )
        self.taken: list[tuple[str, bytes]] = []
        self.steps: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}

    def pull(self, *, killed_at: int = 0, trust: Trust | None = None, channel: str = "CASH") -> Pulled | None:
        """Pull once, and take away what was handed over; None when it was killed at its n-th step."""
        numbers = itertools.count(1)

        def on_step(step: str, batch: Batch) -> None:
            self.steps.append(step)
            self.before.pop(step, lambda: None)()
            if next(numbers) == killed_at:
                raise Killed

        pull = Pull(
            self.client, self.folder / "own", self.hand_over, trust=trust, channel=channel, on_step=on_step
        )
        try:
            return pull.run()
        except Killed:
            return None
        finally:
            self.take()

    def take(self) -> None:
        """Take away what stands in the spool, as a back office does."""
        for path in sorted(self.spool.glob("[!.]*")):
            self.taken.append((path.name, path.read_bytes()))
            path.unlink()
