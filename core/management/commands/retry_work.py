"""Let work be tried again that was set aside because it ended its worker."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from core import work


class Command(BaseCommand):
    help = "Let work be tried again that was set aside because it ended its worker."

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Queued again: {work.retry_set_aside()}.")
