"""Load a statement or list from a file."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.audit import system
from core.clock import utc_now
from core.http.problem import Problem
from core.ids import STATEMENT, public_id
from ledger.kinds import KINDS
from ledger.services.arrivals import receive_statement
from ledger.services.statements import Sent

_MEDIA_TYPES = {".csv": "text/csv", ".json": "application/json", ".xml": "application/xml"}


class Command(BaseCommand):
    help = (
        "Store a statement or list, from a .csv, .json or .xml file, to be reconciled. It is taken whole or not at all,"
        " and every fault is named. Loading it again adds nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--kind", required=True, choices=list(KINDS))
        parser.add_argument(
            "--source", required=True, help="who says so: a front office, a bank, a back office"
        )
        parser.add_argument(
            "--date", type=date.fromisoformat, help="its business date; camt.053 says it itself"
        )
        parser.add_argument("--revision", type=int, help="default: the next one of the day")

    def handle(self, *, file: Path, kind: str, source: str, revision: int | None, **options: Any) -> None:
        media_type = _MEDIA_TYPES.get(file.suffix.lower())
        if media_type is None:
            raise CommandError(f"The name ends in one of {', '.join(_MEDIA_TYPES)}, which says its format.")
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        sent = Sent(kind, source, content, media_type, options["date"], revision, file.name)
        try:
            stored = receive_statement(sent=sent, actor=system("load_statement"), now=utc_now())
        except Problem as problem:
            for fault in problem.faults:
                self.stderr.write(f"{fault.pointer or file}: {fault.detail}")
            raise CommandError(f"{problem.title} {problem.detail}".strip()) from None
        said = "stored" if stored.is_new else "was stored before"
        self.stdout.write(
            f"{public_id(STATEMENT, stored.statement_id)} {said}: {stored.line_count:,} lines of"
            f" {stored.business_date}, revision {stored.revision}"
        )
