"""`manage.py verify_journal`: compare the journal with positions and lots, by code that knows no posting rule."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.audit import system
from core.clock import utc_now
from ledger.services.verify_journal import verify_journal
from ledger.services.verify_totals import verify_totals


class Command(BaseCommand):
    help = "Compare the journal with positions and lots, and its totals with its lines; exit 1 when anything differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--correct", action="store_true", help="post what differs anew")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = verify_journal(
            now=utc_now(),
            actor=system("verify_journal"),
            correct=options["correct"],
            progress=lambda posted: self.stderr.write(f"{posted:,} changes posted"),
        )
        totals = verify_totals(now=utc_now(), actor=system("verify_journal"), correct=options["correct"])
        for each in (*wrong, *totals):
            self.stdout.write(f"{each}")
        if wrong and not options["correct"]:
            raise CommandError(f"{len(wrong)} balances differ")
        if totals and not options["correct"]:
            raise CommandError(f"{len(totals)} totals differ from their lines")
        self.stdout.write(f"{len(wrong)} balances differed")
