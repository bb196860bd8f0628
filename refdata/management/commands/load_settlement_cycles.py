"""Fill the settlement cycles that markets keep."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from core.audit import system
from core.clock import utc_now
from refdata.cycle_sources import market_cycles
from refdata.models import SettlementCycle
from refdata.services import load_rows


class Command(BaseCommand):
    help = (
        "Fill the settlement cycles that markets and pairs of currencies keep."
        " A product and market that has any cycle already is left as it is."
    )

    def handle(self, **options: Any) -> None:
        kept = set(SettlementCycle.objects.values_list("product", "market"))
        report = load_rows(
            kind="settlement-cycles",
            rows=[row for row in market_cycles() if (row["product"], row["market"]) not in kept],
            mode="atomic",
            actor=system("load_settlement_cycles"),
            now=utc_now(),
        )
        self.stdout.write(f"{report.count('created')} settlement cycles loaded.")
