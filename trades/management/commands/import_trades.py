"""Import trades from a foreign file."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from core.audit import system
from core.clock import utc_now
from core.money import format_amount
from trades.foreign_files import Read, Unusable, read_messages, read_reference_rows
from trades.mapping import FileMapping, MappingInvalid, load_mapping
from trades.services.import_file import (
    FATES,
    ImportReport,
    ReferenceReport,
    add_references,
    import_reads,
)

CHUNK_MAX = 10_000
CHUNK_ROWS_MAX = 50_000  # rows of the file in one transaction, however few messages they make
REFERENCES_PER_LOAD = 5_000


class Command(BaseCommand):
    help = (
        "Import trades from a CSV or NDJSON file through a mapping (docs/reference/mapping.md)."
        " Every row is accounted for. Running it again adds nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--mapping", required=True, help="a mapping file, or the name of a shipped one")
        parser.add_argument("--source", default="", help="source of the trades instead of the mapping's")
        parser.add_argument("--chunk", type=int, default=CHUNK_MAX, help="trades in one transaction")
        parser.add_argument(
            "--prepare-refdata",
            action="store_true",
            help="first add the parties, books, instruments and SSIs that the file implies and nobody knows",
        )
        parser.add_argument(
            "--allow-unreadable", action="store_true", help="exit 0 even if rows could not be read"
        )

    def handle(self, *, file: Path, mapping: str, source: str, **options: Any) -> None:
        chunk = options["chunk"]
        if not 1 <= chunk <= CHUNK_MAX:
            raise CommandError(f"--chunk is between 1 and {CHUNK_MAX:,}.")
        try:
            compiled = load_mapping(mapping)
            if not (source or compiled.source):
                raise CommandError("The mapping names no source; give one with --source.")
            if options["prepare_refdata"]:
                self._prepare(file, compiled)
            report = self._import(file, compiled, source, chunk)
        except MappingInvalid as error:
            raise CommandError("\n".join(["The mapping cannot be used:", *error.faults])) from None
        except (Unusable, LookupError) as error:
            raise CommandError(f"{file}: {error}") from None
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        self._show(report)
        self._judge(report, allow_unreadable=options["allow_unreadable"])

    def _import(self, file: Path, mapping: FileMapping, source: str, chunk: int) -> ImportReport:
        report, actor = ImportReport(), system("import_trades")
        visible = Progress(console=Console(stderr=True), transient=True, disable=not self.stderr.isatty())
        with file.open("rb") as stream, visible as progress:
            bar = progress.add_task(f"Importing {file.name}", total=file.stat().st_size)
            for reads in _chunks(read_messages(stream, mapping=mapping, source=source), chunk):
                refused = import_reads(
                    reads=reads, control=mapping.control, report=report, actor=actor, at=utc_now()
                )
                for read, reason in refused:
                    self.stderr.write(f"{read.where()}: {reason}")
                progress.update(bar, completed=stream.tell())
        return report

    def _prepare(self, file: Path, mapping: FileMapping) -> None:
        report, actor = ReferenceReport(), system("import_trades")
        with file.open("rb") as stream:
            reads = list[Any]()
            for read in read_reference_rows(stream, mapping=mapping):
                reads.append(read)
                if len(reads) == REFERENCES_PER_LOAD:
                    add_references(reads=reads, report=report, actor=actor, now=utc_now())
                    reads = []
            add_references(reads=reads, report=report, actor=actor, now=utc_now())
        for read, reason in report.refused:
            self.stderr.write(f"line {read.lines[0]}: no {read.kind} row: {reason}")
        added = ", ".join(f"{count} {kind}" for kind, count in report.added.items())
        self.stdout.write(f"Reference data added: {added}; known already: {sum(report.known.values())}.")

    def _show(self, report: ImportReport) -> None:
        self.stdout.write(f"{sum(report.rows.values()):,} rows read, {sum(report.trades.values()):,} trades:")
        for fate in FATES:
            self.stdout.write(f"  {fate:<12} {report.trades[fate]:>9,} trades  {report.rows[fate]:>9,} rows")
        for (currency, side), amounts in sorted(report.amounts.items()):
            gross, net = format_amount(amounts.gross, currency), format_amount(amounts.net, currency)
            self.stdout.write(f"  {currency} {side:<4} {amounts.count:>8,} trades  gross {gross}  net {net}")
        for currency in sorted(report.control_rows):
            in_file = format_amount(report.control_rows[currency], currency)
            in_trades = format_amount(report.control_trades.get(currency), currency)
            self.stdout.write(f"  control sum {currency}: {in_file} in the file, {in_trades} in the trades")

    def _judge(self, report: ImportReport, *, allow_unreadable: bool) -> None:
        """Fail when the books do not balance, or something of the file is in no trade."""
        faults = [
            f"The control sum of {each} is {report.control_rows.get(each, 0)} in the file, but"
            f" {report.control_trades.get(each, 0)} in the trades."
            for each in report.disagreeing()
        ]
        if report.rows["conflicting"]:
            faults.append(f"{report.rows['conflicting']} rows conflict with trades captured before.")
        if report.rows["unreadable"] and not allow_unreadable:
            faults.append(f"{report.rows['unreadable']} rows could not be read.")
        if faults:
            raise CommandError(" ".join(faults))


def _chunks(reads: Iterator[Read], size: int) -> Iterator[list[Read]]:
    """Gather reads into chunks of at most `size` messages and about CHUNK_ROWS_MAX rows."""
    chunk: list[Read] = []
    rows = 0
    for read in reads:
        chunk.append(read)
        rows += read.rows
        if len(chunk) >= size or rows >= CHUNK_ROWS_MAX:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk
