"""Verify the log against its seals."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from rich.console import Console
from rich.progress import Progress

from core.verification import Attested, Outcome, read_attestation, sealed_count, verify


class Command(BaseCommand):
    help = "Verify every sealed row of the log; name the first that was changed, and end with status 1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--attestation", type=Path, metavar="FILE", help="also demand that the log reaches it"
        )
        parser.add_argument(
            "--public-key", metavar="BASE64", help="of who signed it; default: this installation's"
        )

    def handle(self, *, attestation: Path | None, public_key: str | None, **options: Any) -> None:
        attested = None if attestation is None else _read(attestation, public_key)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Verifying the log", total=sealed_count(connection))
            outcome = verify(
                connection,
                attested=attested,
                on_seal=lambda count: progress.advance(bar, count),
            )
        if outcome.fault is not None:
            raise CommandError(f"{outcome.fault.row} {outcome.fault.what}.")
        self.stdout.write(_said(outcome))


def _read(path: Path, public_key: str | None) -> Attested:
    if public_key is None:
        from core.attestation import public_key as own

        public_key = own()
    try:
        return read_attestation(path.read_bytes(), public_key=public_key)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be used: {error}.") from error


def _said(outcome: Outcome) -> str:
    lines = [f"{outcome.events} events in {outcome.seals} seals are as they were sealed."]
    if outcome.seals:
        lines.append(f"The last seal is {outcome.last_hash}.")
    if outcome.unsealed:
        lines.append(f"{outcome.unsealed} events wait for the next seal.")
    return "\n".join(lines)
