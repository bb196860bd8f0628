"""Load reference data from a file."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from core.audit import system
from core.clock import utc_now
from refdata.files import BrokenFile, chunks, rows_of_file
from refdata.services import KINDS, OUTCOMES, LoadReport, load_rows

ROWS_PER_TRANSACTION = 10_000
FAULTS_SHOWN_MAX = 50


class Command(BaseCommand):
    help = "Load one kind of reference data from a CSV, JSON or NDJSON file. Bad rows are named; the others load."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=list(KINDS))
        parser.add_argument("file", type=Path)
        parser.add_argument("--atomic", action="store_true", help="one bad row loads nothing")
        parser.add_argument("--reason", default="", help="why; it stands in the log with every change")

    def handle(self, *, kind: str, file: Path, atomic: bool, reason: str, **options: Any) -> None:
        try:
            rows = rows_of_file(file)
        except (BrokenFile, OSError) as error:
            raise CommandError(str(error)) from error
        size = max(len(rows), 1) if atomic else ROWS_PER_TRANSACTION
        counts: Counter[str] = Counter()
        shown = start = 0
        now, actor = utc_now(), system("load_refdata")
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(f"Loading {kind}", total=len(rows))
            for part in chunks(rows, size):
                report = load_rows(
                    kind=kind,
                    rows=part,
                    mode="atomic" if atomic else "partial",
                    actor=actor,
                    now=now,
                    reason=reason,
                    on_row=lambda: progress.advance(bar),
                )
                counts.update(result.outcome for result in report.results)
                shown += self._show_faults(report, start, FAULTS_SHOWN_MAX - shown)
                start += len(part)
        self.stdout.write(", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES))
        if counts["refused"]:
            what = "nothing was loaded" if atomic else "the others were loaded"
            raise CommandError(f"{counts['refused']} of {len(rows)} rows were refused; {what}.")

    def _show_faults(self, report: LoadReport, start: int, room: int) -> int:
        """Name the bad rows of a part, as many as there is room for; return how many faults were shown."""
        faults = [(result, fault) for result in report.results for fault in result.faults]
        for result, fault in faults[:room]:
            where = (
                f"row {start + result.number} ({result.key})"
                if result.key
                else f"row {start + result.number}"
            )
            field = f" {fault.field}:" if fault.field else ""
            self.stderr.write(f"{where}:{field} {fault.detail}")
        return min(len(faults), room)
