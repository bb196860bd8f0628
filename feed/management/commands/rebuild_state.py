"""Rebuild where all trades stand from the events of a running product, through its public API only."""

from __future__ import annotations

import threading
from argparse import ArgumentParser
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError

from core.http.client import ApiClient, Refused, Stopped
from core.live import show_until, stop_on_signals
from feed.services.rebuild import Rebuilt, rebuild


class Command(BaseCommand):
    help = (
        "Read the event feed from the first event, make the state and version of every trade from it alone, and"
        " compare its hash with the one that the product computes from its tables."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", required=True, help="of the product, e.g. http://127.0.0.1:8000")
        parser.add_argument("--token", required=True, help="of a client with events:read, bound to no source")

    def handle(self, *, url: str, token: str, **options: Any) -> None:
        with stop_on_signals() as stop:
            reader = _Reader(ApiClient(url=url, token=token, stop=stop))
            thread = threading.Thread(target=reader.run, daemon=True)
            thread.start()
            show_until(reader.done, title="Rebuild", figures=reader.figures, out=self.stdout)
        if reader.failure:
            raise CommandError(reader.failure)
        found = reader.rebuilt
        if found.sha256() != found.wanted_sha256:
            raise CommandError(
                f"The events make {found.sha256()}, the tables {found.wanted_sha256}: they differ."
            )
        self.stdout.write(
            f"{len(found.states):,} trades from {found.events:,} events, as of event {found.wanted_up_to}:"
            f" sha256 {found.wanted_sha256}, as the tables say."
        )


class _Reader:
    """The reading, in a thread of its own beside the one that shows its figures."""

    def __init__(self, api: ApiClient) -> None:
        self.done = threading.Event()
        self.rebuilt = Rebuilt()
        self.failure = ""
        self._api = api

    def figures(self) -> dict[str, str]:
        """Return what has been read so far."""
        return {"trades": f"{len(self.rebuilt.states):,}", "events": f"{self.rebuilt.events:,}"}

    def run(self) -> None:
        """Read to the end, and say so however it ends."""
        try:
            with self._api as api:
                rebuild(api, self.rebuilt)
        except Stopped:
            self.failure = "Stopped before the end."
        except (Refused, httpx.HTTPError) as error:
            self.failure = f"The product refused: {error}"
        finally:
            self.done.set()
