"""Invoices and credit notes, read: lists in the order of commit, one with its lines, those of a trade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import sql

_HEADS = """
SELECT i.id, i.xid, i.kind, i.series, i.number, i.reference, i.currency, i.invoice_date, i.due_date, i.trade_id,
       i.credits, i.reason, i.net, i.tax, i.gross, i.issued_at, i.issued_by, i.billing, e.code AS entity,
       p.code AS customer, o.reference AS credits_reference,
       coalesce((SELECT sum(c.gross) FROM settlement_invoice c WHERE c.credits = i.id), 0) AS credited
FROM settlement_invoice i
JOIN refdata_party e ON e.id = i.entity_id
JOIN refdata_party p ON p.id = i.customer_id
LEFT JOIN settlement_invoice o ON o.id = i.credits
"""
_OF_TRADE = (
    "EXISTS (SELECT FROM settlement_invoice_line l WHERE l.invoice_id = i.id AND l.trade_id = %(trade_id)s)"
)
_OF_TRADE_MAX = 200


@dataclass(frozen=True)
class Wanted:
    """Which invoices: of a customer or an entity (codes), a kind, a currency, a trade; empty: any."""

    customer: str = ""
    entity: str = ""
    kind: str = ""
    currency: str = ""
    trade_id: int | None = None

    def conditions(self) -> list[str]:
        """Return SQL conditions over `i`, with the fields as parameters."""
        return [
            *(
                ["i.customer_id = (SELECT id FROM refdata_party WHERE code = %(customer)s)"]
                * bool(self.customer)
            ),
            *(["i.entity_id = (SELECT id FROM refdata_party WHERE code = %(entity)s)"] * bool(self.entity)),
            *(["i.kind = %(kind)s"] * bool(self.kind)),
            *(["i.currency = %(currency)s"] * bool(self.currency)),
            *([_OF_TRADE] if self.trade_id is not None else []),
        ]

    def parameters(self) -> dict[str, Any]:
        """Return what the conditions need."""
        return {
            "customer": self.customer,
            "entity": self.entity,
            "kind": self.kind,
            "currency": self.currency,
            "trade_id": self.trade_id,
        }


def list_invoices(*, wanted: Wanted, after: tuple[int, ...] | None, limit: int) -> list[dict[str, Any]]:
    """Return invoices and credit notes in the order of commit, after a (transaction, id).

    Only what no open transaction can still precede is shown, so a reader that keeps its cursor misses none.
    """
    xid, last_id = after or (0, 0)
    conditions = [f"i.xid < {sql.OLDEST_OPEN}", "(i.xid, i.id) > (%(xid)s, %(id)s)", *wanted.conditions()]
    parameters = {**wanted.parameters(), "xid": xid, "id": last_id, "limit": limit}
    found = sql.records(
        f"{_HEADS} WHERE {' AND '.join(conditions)} ORDER BY i.xid, i.id LIMIT %(limit)s", parameters
    )
    return [_read(row) for row in found]


def latest_invoices(*, wanted: Wanted, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Return invoices and credit notes, the newest first, with ids below one."""
    return [_read(row) for row in sql.records(*_latest(wanted, before, limit))]


def all_invoices(*, wanted: Wanted, most: int) -> Iterator[list[dict[str, Any]]]:
    """Yield invoices and credit notes, the newest first, some at a time, up to `most`."""
    for rows in sql.chunks(*_latest(wanted, None, most)):
        yield [_read(row) for row in rows]


def _latest(wanted: Wanted, before: int | None, limit: int) -> tuple[str, dict[str, Any]]:
    conditions = ["(%(before)s::bigint IS NULL OR i.id < %(before)s)", *wanted.conditions()]
    parameters = {**wanted.parameters(), "before": before, "limit": limit}
    return f"{_HEADS} WHERE {' AND '.join(conditions)} ORDER BY i.id DESC LIMIT %(limit)s", parameters


def read_invoice(invoice_id: int) -> dict[str, Any] | None:
    """Return one invoice or credit note, None when there is none."""
    found = sql.records(f"{_HEADS} WHERE i.id = %s", [invoice_id])
    return _read(found[0]) if found else None


def credit_notes_of(invoice_id: int) -> list[dict[str, Any]]:
    """Return the credit notes of an invoice, in order."""
    return [_read(row) for row in sql.records(f"{_HEADS} WHERE i.credits = %s ORDER BY i.id", [invoice_id])]


def invoices_of(trade_id: int) -> list[dict[str, Any]]:
    """Return the invoices and credit notes with a line of a trade, in order, 200 at most."""
    found = sql.records(
        f"{_HEADS} WHERE {_OF_TRADE} ORDER BY i.id LIMIT {_OF_TRADE_MAX}", {"trade_id": trade_id}
    )
    return [_read(row) for row in found]


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "billing": sql.json_value(row["billing"])}


_LINES = """
SELECT l.invoice_id, l.line, l.trade_id, l.version, l.item, l.text, l.quantity, l.unit_price, l.net, l.tax_rate, l.tax,
       l.gross, l.leg, l.instruction_id, l.report_id, l.accrual_id, o.line AS credits_line, r.code AS tax_rule,
       rv.version AS tax_rule_version, v.source, v.source_ref, c.quantity AS credited_quantity, c.net AS credited_net,
       c.gross AS credited_gross
FROM settlement_invoice_line l
LEFT JOIN settlement_invoice_line o ON o.id = l.credits
LEFT JOIN trades_version v ON v.trade_id = l.trade_id AND v.version = l.version
LEFT JOIN refdata_fee_rule_version rv ON rv.id = l.tax_rule_version_id
LEFT JOIN refdata_fee_rule r ON r.id = rv.rule_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity), 0) AS quantity, coalesce(sum(net), 0) AS net, coalesce(sum(gross), 0) AS gross
    FROM settlement_invoice_line WHERE credits = l.id
) c
WHERE l.invoice_id = ANY(%s) ORDER BY l.invoice_id, l.line
"""


def lines_of(invoice_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return the lines of invoices, in order."""
    return sql.records(_LINES, [list(invoice_ids)])


_SUMS = """
SELECT i.currency, count(*) FILTER (WHERE i.kind = 'INVOICE') AS invoices,
       coalesce(sum(i.gross) FILTER (WHERE i.kind = 'INVOICE'), 0) AS billed,
       coalesce(sum(i.gross) FILTER (WHERE i.kind = 'CREDIT_NOTE'), 0) AS credited
FROM settlement_invoice i WHERE i.invoice_date >= %s GROUP BY i.currency ORDER BY i.currency
"""


def billed_since(day: Any) -> list[dict[str, Any]]:
    """Return what was billed and credited from a day on, by currency."""
    return sql.records(_SUMS, [day])
