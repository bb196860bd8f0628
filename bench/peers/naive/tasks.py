"""One task for each trade."""

from celery import shared_task
from django.db import transaction

from bench.peers.naive.checks import CHECKS, check_limits
from bench.peers.naive.models import Finding, Trade, TradeEvent


@shared_task
def check_trade(trade_id: int) -> None:
    """Check a captured trade against every rule and limit, and move it on."""
    with transaction.atomic():
        trade = (
            Trade.objects.select_for_update(of=("self",))
            .select_related("instrument_found", "counterparty_found", "book_found__entity")
            .get(pk=trade_id)
        )
        if trade.status != Trade.Status.CAPTURED:
            return
        findings = [finding for check in CHECKS for finding in check(trade)]
        findings += check_limits(trade)
        for code, severity, message in findings:
            Finding.objects.create(trade=trade, code=code, severity=severity, message=message)
        held = any(severity == "BLOCK" for _, severity, _ in findings)
        trade.status = Trade.Status.EXCEPTION if held else Trade.Status.VALIDATED
        trade.save()
        TradeEvent.objects.create(
            trade=trade, type="trade.held" if held else "trade.validated", actor="system:checks"
        )
