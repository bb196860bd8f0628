"""Fill the business calendars of currencies and markets."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import track

from core.audit import system
from core.clock import utc_now
from refdata.holiday_sources import CODES, closing_days
from refdata.services import LoadReport, load_rows

YEARS_MAX = 20


class Command(BaseCommand):
    help = (
        "Fill the business calendars of currencies and markets for some years. Running it again adds nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        this_year = utc_now().year
        parser.add_argument("--from", dest="first", type=int, default=this_year - 1, metavar="YYYY")
        parser.add_argument("--to", dest="last", type=int, default=this_year + 2, metavar="YYYY")
        parser.add_argument("--codes", nargs="+", default=CODES, metavar="CODE", help="default: all known")

    def handle(self, *, first: int, last: int, codes: Iterable[str], **options: Any) -> None:
        if not 0 <= last - first < YEARS_MAX:
            raise CommandError(f"--from and --to must span 1 to {YEARS_MAX} years, in this order.")
        if unknown := sorted(set(codes) - set(CODES)):
            raise CommandError(f"No calendar is known for {', '.join(unknown)}. Known: {', '.join(CODES)}.")
        loaded = 0
        missing: list[str] = []
        now = utc_now()
        for code in track(list(codes), description="Calendars", disable=not self.stdout.isatty()):
            try:
                report = _load(code, first, last, now)
            except ValueError as error:
                missing.append(code)
                self.stderr.write(f"{code}: {error}")
            else:
                loaded += report.count("created") + report.count("changed")
        self.stdout.write(f"{loaded} holidays loaded, {first} to {last}.")
        if missing:
            raise CommandError(f"Not loaded: {', '.join(missing)}.")


def _load(code: str, first: int, last: int, now: datetime) -> LoadReport:
    days = closing_days(code=code, first_year=first, last_year=last)
    return load_rows(
        kind="holidays",
        rows=[{"calendar": code, "date": day, "name": name} for day, name in days.items()],
        mode="atomic",
        actor=system("load_calendars"),
        now=now,
    )
