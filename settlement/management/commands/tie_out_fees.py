"""Tie the accrued charges out against the deals."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from core import sql
from core.audit import system
from core.clock import utc_now
from settlement.services.tie_out import tie_out_fees


class Command(BaseCommand):
    help = (
        "Compare what is accrued for deals with what they are charged, name every break, and end with status 1 if there"
        " was one. Nothing is changed unless asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--correct", action="store_true", help="accrue anew what does not tie out")

    def handle(self, *, correct: bool, **options: Any) -> None:
        total = sql.row("SELECT count(*) FROM trades_state")
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Tying out the charges", total=total[0] if total else None)
            breaks = tie_out_fees(
                correct=correct,
                now=utc_now(),
                actor=system("tie-out"),
                on_portion=lambda count: progress.advance(bar, count),
            )
        for each in breaks:
            self.stdout.write(str(each))
        if breaks:
            done = "corrected as far as it can be" if correct else "found"
            raise CommandError(f"{len(breaks)} break{'' if len(breaks) == 1 else 's'} {done}.")
        self.stdout.write("Every charge ties out.")
