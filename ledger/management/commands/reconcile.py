"""Run a reconciliation now."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from core.audit import system
from core.clock import utc_now
from core.http.moments import read_moment
from core.http.problem import Problem
from core.ids import RECONCILIATION_RUN, public_id
from ledger.services.runs import ask_run, reconcile

_STEPS = ("read", "matched", "breaks")


class Command(BaseCommand):
    help = "Run a reconciliation now, say what it found, and end with status 1 if breaks are open that were not before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="the reconciliation")
        parser.add_argument(
            "--through", type=date.fromisoformat, help="a business date; default: the last statement's"
        )

        parser.add_argument(
            "--as-at",
            type=read_moment,
            help="look back, at our side as it was known at this moment: 2026-11-23T18:00:00Z",
        )

    def handle(self, *, code: str, through: date | None, as_at: datetime | None, **options: Any) -> None:
        actor, now = system("reconcile"), utc_now()
        visible = Progress(console=Console(stderr=True), transient=True, disable=not self.stderr.isatty())
        with visible as progress:
            bar = progress.add_task(f"Reconciling {code}", total=len(_STEPS))
            try:
                run_id = ask_run(code=code, through=through, as_at=as_at, actor=actor, now=now)
                found = reconcile(
                    run_id=run_id, actor=actor, now=now, told=lambda step, count: progress.advance(bar)
                )
            except Problem as problem:
                raise CommandError(problem.title) from None
        if found["state"] == "FAILED":
            raise CommandError(found["failure"])
        self.stdout.write(
            f"{public_id(RECONCILIATION_RUN, run_id)} through {found['business_date']}: {found['ours']:,} of ours and"
            f" {found['theirs']:,} of theirs; {found['matched_ours']:,} and {found['matched_theirs']:,} matched"
        )
        self.stdout.write(
            f"breaks: {found['new']:,} new, {found['changed']:,} changed, {found['unchanged']:,} unchanged,"
            f" {found['cleared']:,} cleared"
        )
        if found["new"]:
            raise CommandError(f"{found['new']:,} new breaks.")
