"""Sign how far the log goes."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.attestation import attest, public_key


class Command(BaseCommand):
    help = (
        "Print the signed attestation of a day's log: keep it where nobody who can change the database can, and give"
        " it to verify_audit."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        asked = parser.add_mutually_exclusive_group(required=True)
        asked.add_argument("--date", type=date.fromisoformat, help="the day, in UTC: 2026-11-23")
        asked.add_argument(
            "--public-key", action="store_true", help="print the key that verifies, and sign nothing"
        )

    def handle(self, *, date: date | None, **options: Any) -> None:
        if date is None:
            self.stdout.write(public_key())
            return
        document = attest(day=date)
        if document is None:
            raise CommandError(f"Nothing was sealed up to the end of {date}.")
        self.stdout.write(json.dumps(document, indent=2, sort_keys=True))
