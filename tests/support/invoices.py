"""Orders that are delivered in parts, and the invoices and credit notes that come of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from core import sql
from core.audit import Actor
from refdata.services import load_rows
from settlement.services.invoice import bill_queued
from settlement.services.report import report_status
from settlement.services.standing import Report
from tests.settlement.support import seal, validated
from tests.support.factories import goods
from tests.support.records import NOW

BACK_OFFICE = Actor("client:back-office")
BILLER = Actor("system:invoices")
D = Decimal


def delivered_by(trade_id: int) -> list[int]:
    """Return the instructions that deliver the goods of a trade, by leg."""
    return [
        each
        for (each,) in sql.rows(
            "SELECT instruction_id FROM settlement_obligation WHERE trade_id = %s AND asset_kind = 'GOODS'"
            " AND instruction_id IS NOT NULL ORDER BY leg",
            [trade_id],
        )
    ]


def report(*reports: Report, now: datetime = NOW) -> None:
    """Report on instructions and bill what follows."""
    report_status(reports=reports, actor=BACK_OFFICE, now=now)
    bill(now=now)


def deliver(instruction_id: int, quantity: str | None = None, *, now: datetime = NOW) -> None:
    """Report that an instruction is settled, or how much of it is so far, and bill what follows."""
    if quantity is None:
        report(Report(instruction_id, "SETTLED"), now=now)
    else:
        report(Report(instruction_id, "PARTIAL", quantity=Decimal(quantity)), now=now)


def bill(*, now: datetime = NOW) -> None:
    """Bill whatever waits for it."""
    while bill_queued(now=now, actor=BILLER):
        pass


def sealed_order(**changes: Any) -> int:
    """Return an order that is sealed and waits for its delivery."""
    (trade_id,) = validated(goods(**changes))
    seal()
    return trade_id


def documents(trade_id: int | None = None) -> list[tuple[Any, ...]]:
    """Return (reference, net, tax, gross) of all invoices and credit notes, or of a trade's, in order."""
    return [
        (reference, *(f"{amount.normalize():f}" for amount in amounts))
        for reference, *amounts in sql.rows(
            "SELECT reference, net, tax, gross FROM settlement_invoice i WHERE %(id)s::bigint IS NULL OR EXISTS ("
            " SELECT FROM settlement_invoice_line l WHERE l.invoice_id = i.id AND l.trade_id = %(id)s) ORDER BY i.id",
            {"id": trade_id},
        )
    ]


def billed_lines(trade_id: int) -> list[tuple[Any, ...]]:
    """Return (document, item, quantity, net, tax, whether a credit) of a trade's lines, in order."""
    return [
        (reference, item, *(f"{each.normalize():f}" for each in amounts), is_credit)
        for reference, item, *amounts, is_credit in sql.rows(
            "SELECT i.reference, l.item, l.quantity, l.net, l.tax, l.credits IS NOT NULL FROM settlement_invoice_line l"
            " JOIN settlement_invoice i ON i.id = l.invoice_id WHERE l.trade_id = %s ORDER BY l.id",
            [trade_id],
        )
    ]


def open_amount(trade_ids: Sequence[int]) -> Decimal:
    """Return what is billed of trades and not credited, with tax."""
    ((amount,),) = sql.rows(
        "SELECT coalesce(sum(CASE WHEN credits IS NULL THEN gross ELSE -gross END), 0) FROM settlement_invoice_line"
        " WHERE trade_id = ANY(%s)",
        [list(trade_ids)],
    )
    return Decimal(amount)


def gaps() -> list[tuple[Any, ...]]:
    """Return the series whose numbers are not exactly 1 to the last."""
    return sql.rows(
        "SELECT s.entity_id, s.series, s.last_number, array_agg(i.number ORDER BY i.number)"
        " FROM settlement_invoice_series s LEFT JOIN settlement_invoice i USING (entity_id, series)"
        " GROUP BY s.entity_id, s.series, s.last_number"
        " HAVING count(i.id) <> s.last_number OR max(i.number) <> s.last_number OR min(i.number) <> 1"
    )


def billing_terms(**fields: Any) -> None:
    """Store billing terms; for everybody, unless fields say otherwise."""
    row = {"entity": "*", "party": "*", "product": "*", "days": 30, **fields}
    load_rows(kind="billing-terms", rows=[row], actor=BILLER, now=NOW, mode="atomic")
