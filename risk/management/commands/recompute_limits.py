"""`manage.py recompute_limits`: tell the running figures of the limits again from the trades."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.audit import system
from core.clock import utc_now
from risk.services.recompute import recompute_limits


class Command(BaseCommand):
    help = "Recompute the limits' running figures from the trades; exit 1 when any differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--correct", action="store_true", help="put the recomputed figures in place")

    def handle(self, *args: Any, **options: Any) -> None:
        differences = recompute_limits(
            now=utc_now(), actor=system("recompute_limits"), correct=options["correct"]
        )
        for each in differences:
            self.stdout.write(
                f"limit {each.limit_id} {each.key}: running {each.running}, from the trades {each.recomputed}"
            )
        if differences and not options["correct"]:
            raise CommandError(f"{len(differences)} figures differ")
        self.stdout.write(f"{len(differences)} figures differed")
