"""Tie the invoices out against the deliveries and charges."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from core.audit import system
from core.clock import utc_now
from settlement.services.invoice_tie_out import tie_out_invoices


class Command(BaseCommand):
    help = (
        "Compare what is billed and credited with what was delivered and accrued, name every break, and end with status"
        " 1 if there was one. Nothing is changed unless asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--correct", action="store_true", help="bill and credit what does not tie out")

    def handle(self, *, correct: bool, **options: Any) -> None:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Tying out the invoices", total=None)
            breaks = tie_out_invoices(
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
        self.stdout.write("Every invoice ties out.")
