"""Load the demo into an embedded installation."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.clock import utc_now
from middleoffice.demo import CREDENTIALS, load_demo


class Command(BaseCommand):
    help = "Load demo reference data, users, API clients, limits and trades. Running it again adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the product will answer")
        parser.add_argument("--force", action="store_true", help="also into a database that is not embedded")

    def handle(self, *, url: str, force: bool, **options: Any) -> None:
        if not (settings.EMBEDDED or force):
            raise CommandError(
                "The demo has users and tokens of its own, so it goes into embedded databases only;"
                " DATABASE_URL names another one. --force loads it nevertheless."
            )
        began = time.monotonic()
        path = settings.VAR_DIR / CREDENTIALS
        load_demo(url=url.rstrip("/"), path=path, now=utc_now(), say=self.stdout.write)
        self.stdout.write(f"The demo is loaded ({time.monotonic() - began:.1f} s); log-ins are in {path}")
