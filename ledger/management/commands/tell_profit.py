"""Tell a day's profit to its end."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.audit import system
from core.clock import business_date, utc_now
from core.http.problem import Problem
from ledger.models import ProfitRun
from ledger.selectors.profit_gains import GAINS, gains_total
from ledger.services.profit_run import tell_profit


class Command(BaseCommand):
    """Store what a day came to, as known now."""

    help = "Tell what a day came to, as its end, or tell it again and say why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the day and the reason."""
        parser.add_argument("--day", type=date.fromisoformat, help="default: today")
        parser.add_argument("--reason", default="", help="why a day that has ended is told again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell the day; say what it came to."""
        now = utc_now()
        day = options["day"] or business_date(now)
        try:
            run_id = tell_profit(
                day=day,
                kind=ProfitRun.Kind.CLOSE,
                now=now,
                actor=system("profit"),
                reason=options["reason"],
            )
        except Problem as problem:
            why = " ".join(fault.detail for fault in problem.faults)
            raise CommandError(f"{problem.title} {why}") from None
        told = gains_total(run_id=run_id)
        self.stdout.write(f"{day} has been told: {told['total']:f} {settings.BASE_CURRENCY}.")
        for name in GAINS:
            if told[name]:
                self.stdout.write(
                    f"  {name:<12} {told[name]:>20f}  {' '.join(_reasons(name, told))}".rstrip()
                )


def _reasons(name: str, told: dict[str, Any]) -> list[str]:
    """Return why there is what the lots do not tell."""
    return sorted(told["reasons"]) if name == "difference" else []
