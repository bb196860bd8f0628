"""Seal what is due, now."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.audit import system
from core.clock import business_date, utc_now
from core.ids import BATCH, public_id
from settlement.models import CHANNELS, Batch
from settlement.services.seal import seal_batches


class Command(BaseCommand):
    help = "Instruct and seal every validated trade that settles on or before a date, without waiting for a cut-off."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--value-date", metavar="YYYY-MM-DD", help="default: the business date")
        parser.add_argument(
            "--channel", nargs="+", choices=CHANNELS, default=list(CHANNELS), help="default: all of them"
        )

    def handle(self, *, value_date: str | None, channel: list[str], **options: Any) -> None:
        now = utc_now()
        try:
            due = date.fromisoformat(value_date) if value_date else business_date(now)
        except ValueError:
            raise CommandError("--value-date is a date, YYYY-MM-DD.") from None
        sealed = seal_batches(
            value_date=due, channels=channel, actor=system("seal_batches"), now=now, progress=self._progress
        )
        for batch in Batch.objects.filter(id__in=sealed).order_by("id"):
            self.stdout.write(
                f"{public_id(BATCH, batch.id)}  {batch.channel_id:<10} {batch.sequence:>6}  {batch.value_date}"
                f"  {batch.instruction_count:>9,} instructions  {batch.trade_count:>9,} trades  {batch.sha256[:12]}"
            )
        self.stdout.write(f"{len(sealed)} batches sealed, due on or before {due}.")

    def _progress(self, trades: int) -> None:
        self.stderr.write(f"{trades:,} trades instructed")
