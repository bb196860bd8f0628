"""Real orders, billed as they are delivered: what is billed is quantity times price, to the penny.

The files lie beside the project, not in it; without them these tests are skipped and say so.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from core import sql
from core.audit import system
from core.clock import utc_now
from settlement.models import Batch
from settlement.services.invoice import bill_queued
from settlement.services.invoice_tie_out import tie_out_invoices
from settlement.services.report import report_status
from settlement.services.seal import seal_batches
from settlement.services.standing import Report
from tests.flows.test_real_data import (
    CHANNELS,
    DATA,
    ORDERS,
    acknowledge,
    check_all,
    rates,
    rows_of,
    run_import,
)
from tests.support.invoices import gaps

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures(rates.__name__),
    pytest.mark.skipif(not ORDERS, reason=f"real files are not in {DATA}"),
]
SOLD = """
SELECT v.source_ref FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE v.side = 'SELL' AND s.state NOT IN (1, 2)
"""
BILLED = """
SELECT v.source_ref, sum(l.net), count(*) FROM settlement_invoice_line l
JOIN trades_version v ON v.trade_id = l.trade_id AND v.version = l.version GROUP BY v.source_ref
"""


def test_every_line_of_a_real_order_is_billed_once_and_to_the_penny():
    for file in ORDERS:
        run_import(file, "retail_orders")
    check_all()
    now, actor = utc_now(), system("test")
    batch_ids = seal_batches(value_date=now.date(), channels=CHANNELS, actor=actor, now=now)
    for batch in Batch.objects.filter(id__in=batch_ids):
        acknowledge(batch)
    goods = sql.rows(
        "SELECT id, quantity FROM settlement_instruction WHERE channel = 'GOODS' AND direction <> 'NIL'"
    )
    half = [Report(each, "PARTIAL", quantity=quantity / 2) for each, quantity in goods]
    nil = [
        Report(each, "SETTLED")
        for (each,) in sql.rows(
            "SELECT id FROM settlement_instruction WHERE channel = 'GOODS' AND direction = 'NIL'"
        )
    ]
    for reports in (half, half, [Report(each, "SETTLED") for each, _ in goods] + nil):
        report_status(reports=reports, actor=actor, now=now)
        while bill_queued(now=now, actor=actor):
            pass
    sold = {reference for (reference,) in sql.rows(SOLD)}
    owed: dict[str, Decimal] = {}
    for row in (row for row in rows_of(*ORDERS) if row["InvoiceNo"] in sold):
        owed[row["InvoiceNo"]] = owed.get(row["InvoiceNo"], Decimal(0)) + (
            Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])
        )
    billed = {reference: net for reference, net, _ in sql.rows(BILLED)}
    assert len(owed) > 200
    assert billed == owed
    assert sum(billed.values()) == sum(owed.values())
    assert tie_out_invoices(correct=False, now=now, actor=actor) == []
    assert gaps() == []
