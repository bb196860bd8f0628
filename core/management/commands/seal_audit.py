"""Seal the log now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from core.clock import utc_now
from core.seals import seal_events


class Command(BaseCommand):
    help = "Seal what the log has got since the last seal, without waiting for beat."

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"{seal_events(now=utc_now())} events sealed.")
