"""Load what counterparties confirm from a CSV file."""

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
from core.http.problem import Fault, Problem
from trades.services.confirmation_files import Line, in_turns, outcomes, preview_lines, read_file, take_lines

_ACTOR = system("load_confirmations")


class Command(BaseCommand):
    help = (
        "Load what counterparties confirm from a CSV file with the fields of the API as its header. Every line is tried"
        " first: where one is at fault nothing is stored, and every fault is named. Loading it again adds nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            lines = read_file(file.read_bytes())
            told = self._load(file, lines)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        except Problem as problem:
            for fault in problem.faults:
                self.stderr.write(f"{fault.pointer or file}: {fault.detail}")
            raise CommandError(f"{problem.title} {problem.detail}".strip()) from None
        self.stdout.write(f"{len(lines):,} lines of {file.name}:")
        for name, count in told.items():
            self.stdout.write(f"  {name:<12} {count:>9,}")

    def _load(self, file: Path, lines: list[Line]) -> dict[str, int]:
        """Try all lines, then store them, as many at a time as one transaction takes; return what became of them."""
        told, faults = Counter[str](), list[Fault]()
        shown = Progress(console=Console(stderr=True), transient=True, disable=not self.stderr.isatty())
        with shown as progress:
            tried = progress.add_task(f"Trying {file.name}", total=len(lines))
            for each in in_turns(lines):
                try:
                    preview_lines(lines=each, actor=_ACTOR, now=utc_now())
                except Problem as problem:
                    faults += problem.faults
                progress.advance(tried, len(each))
            if faults:
                raise Problem(422, "invalid", "Nothing of this file can be taken.", faults=faults)
            stored = progress.add_task(f"Storing {file.name}", total=len(lines))
            done = 0
            for each in in_turns(lines):
                try:
                    told.update(outcomes(take_lines(lines=each, actor=_ACTOR, now=utc_now())))
                except Problem as problem:  # of what came between the trial and now
                    raise _stopped(problem, done) from None
                done += len(each)
                progress.advance(stored, len(each))
        return dict(told)


def _stopped(problem: Problem, done: int) -> Problem:
    """Return the problem of lines that could be stored when they were tried; `done`: how many were before them."""
    if not done:
        return problem
    detail = f"Stored are the {done:,} lines before; loading the file again adds none of them twice."
    return Problem(
        problem.status, problem.code, "The rest of this file cannot be taken.", detail, faults=problem.faults
    )
