"""Verify the batches against their manifests."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from rich.console import Console
from rich.progress import Progress

from settlement.verification import Kept, count_batches, key_id_of, read_keys, read_manifest, verify


class Command(BaseCommand):
    help = (
        "Verify every batch, its bytes and its signed manifest; name the first that was changed, deleted, inserted or"
        " moved, and end with status 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--manifest",
            type=Path,
            metavar="FILE",
            help="also demand this kept manifest in its channel's chain",
        )
        parser.add_argument(
            "--public-key",
            action="append",
            metavar="BASE64",
            help="trust this key, and no other but those given too; default: all that the database keeps",
        )

    def handle(self, *, manifest: Path | None, public_key: list[str] | None, **options: Any) -> None:
        kept = None if manifest is None else _read(manifest)
        keys = read_keys(connection) if public_key is None else _trusted(public_key)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Verifying the batches", total=count_batches(connection))
            outcome = verify(connection, keys=keys, kept=kept, on_batch=lambda: progress.advance(bar))
        if outcome.fault is not None:
            raise CommandError(f"{outcome.fault}.")
        self.stdout.write(
            f"{outcome.batches} batches with {outcome.instructions} instructions are as they were sealed."
        )


def _read(path: Path) -> Kept:
    try:
        return read_manifest(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be used: {error}.") from error


def _trusted(keys: list[str]) -> dict[str, str]:
    try:
        return {key_id_of(each): each for each in keys}
    except ValueError as error:
        raise CommandError(f"A public key cannot be used: {error}.") from error
