"""`manage.py verify_positions`: tell every position again from the trades, by code of its own."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.audit import system
from core.clock import utc_now
from ledger.services.verify import verify_positions


class Command(BaseCommand):
    help = "Compare positions and lots with what the trades add up to; exit 1 when any differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--correct", action="store_true", help="put what differs right")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = verify_positions(now=utc_now(), actor=system("verify_positions"), correct=options["correct"])
        for each in wrong:
            self.stdout.write(f"{each.figure}: {each.what} is {each.kept}, told again {each.told}")
        if wrong and not options["correct"]:
            raise CommandError(f"{len(wrong)} figures differ")
        self.stdout.write(f"{len(wrong)} figures differed")
