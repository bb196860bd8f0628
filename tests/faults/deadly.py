"""An app for a worker of the live product: it ends its process whenever it checks a deal of the book DEADLY."""

from __future__ import annotations

import os
from typing import Any

from django.apps import AppConfig

BOOK = "DEADLY"


class DeadlyConfig(AppConfig):
    name = "tests.faults"
    label = "deadly"

    def ready(self) -> None:
        """Let the checks run into the end of their process, after all of their reading."""
        from risk.services import check

        run = check._run_checks

        def run_and_die(*args: Any) -> check._Batch:
            batch = run(*args)
            if any(finding.actual == BOOK for found in batch.findings.values() for finding in found):
                os._exit(9)
            return batch

        check._run_checks = run_and_die
