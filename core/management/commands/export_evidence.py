"""Export the evidence of a day."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.audit import system
from core.clock import utc_now
from core.evidence import SUBJECTS_MAX, Day, wanted_of_day, write_pack
from core.http.problem import Problem


class Command(BaseCommand):
    help = (
        "Write everything that happened on a day (in UTC), and all that is known of the trades and batches it happened"
        " to, as a zip that verifies itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--date", type=date.fromisoformat, required=True, help="2026-11-23")
        parser.add_argument("--most", type=int, help=f"subjects of one kind; default: {SUBJECTS_MAX:,}")
        parser.add_argument("file", type=Path)

    def handle(self, *, date: date, file: Path, most: int | None, **options: Any) -> None:
        start = datetime.combine(date, time(), UTC)
        wanted = wanted_of_day(Day(start, start + timedelta(days=1)), title=f"Evidence of {date}")
        draft = file.with_name(f"{file.name}.part")
        try:
            with draft.open("wb") as stream:
                write_pack(stream, wanted=wanted, actor=system("export_evidence"), now=utc_now(), most=most)
            draft.replace(file)
        except Problem as problem:
            raise CommandError(f"{problem.title} {problem.detail}") from problem
        finally:
            draft.unlink(missing_ok=True)
        self.stdout.write(str(file))
