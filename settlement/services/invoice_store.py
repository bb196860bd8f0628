"""Invoices and credit notes as they are numbered and stored: once, for ever, without gaps."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core import sql
from core.audit import Actor, encode, record
from core.clock import business_date
from core.ids import TRADE, public_id
from core.money import ZERO, format_amount

SUBJECT = "invoice"


@dataclass(frozen=True)
class DraftLine:
    """A line to be stored; amounts above zero, on a credit note too. See `settlement.models.InvoiceLine`."""

    trade_id: int
    version: int
    item: str
    part: int
    text: str
    quantity: Decimal
    unit_price: Decimal
    net: Decimal
    tax: Decimal
    tax_rate: Decimal | None = None
    tax_rule_version_id: int | None = None
    leg: int | None = None
    instruction_id: int | None = None
    report_id: int | None = None
    accrual_id: int | None = None
    credits: int | None = None
    is_closing: bool = False


@dataclass
class Draft:
    """An invoice, or a credit note of the invoice `credits`, before it has a number.

    days, end_of_month: until when it is to be paid.
    """

    series: str
    entity_id: int
    customer_id: int
    currency: str
    trade_id: int | None
    days: int
    end_of_month: bool
    credits: int | None = None
    reason: str = ""
    lines: list[DraftLine] = field(default_factory=list)

    def due(self, day: date) -> date:
        """Return when an invoice of a day is to be paid."""
        due = day + timedelta(days=self.days)
        return due.replace(day=monthrange(due.year, due.month)[1]) if self.end_of_month else due


# The row of a series stays locked to the end of the transaction: a number is taken only with its document.
_NUMBERS = """
INSERT INTO settlement_invoice_series AS s (entity_id, series, last_number)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS n(entity_id, series, count) ORDER BY 1, 2
ON CONFLICT (entity_id, series) DO UPDATE SET last_number = s.last_number + EXCLUDED.last_number
RETURNING entity_id, series, last_number
"""
_IDS = """
SELECT nextval(pg_get_serial_sequence('settlement_invoice', 'id')) FROM generate_series(1, %s)
"""
_INVOICES = """
INSERT INTO settlement_invoice
    (id, kind, series, number, reference, entity_id, customer_id, billing, currency, invoice_date, due_date, trade_id,
     credits, reason, net, tax, gross, issued_at, issued_by)
SELECT d.id, CASE WHEN d.credits IS NULL THEN 'INVOICE' ELSE 'CREDIT_NOTE' END, d.series, d.number,
       e.code || '-' || d.series || '-' || lpad(d.number::text, greatest(6, length(d.number::text)), '0'),
       d.entity_id, d.customer_id,
       jsonb_build_object('code', p.code, 'name', p.name, 'country', p.country, 'lei', p.lei,
                          'entity', jsonb_build_object('code', e.code, 'name', e.name, 'country', e.country,
                                                       'lei', e.lei)),
       d.currency, %(day)s, d.due_date, d.trade_id, d.credits, d.reason, d.net, d.tax, d.net + d.tax, %(at)s, %(by)s
FROM jsonb_to_recordset(%(drafts)s::jsonb) AS d(
    id bigint, series text, number bigint, entity_id bigint, customer_id bigint, currency text, due_date date,
    trade_id bigint, credits bigint, reason text, net numeric, tax numeric)
JOIN refdata_party e ON e.id = d.entity_id
JOIN refdata_party p ON p.id = d.customer_id
ORDER BY d.id
RETURNING id, reference
"""
_LINES = """
INSERT INTO settlement_invoice_line
    (invoice_id, line, trade_id, version, item, part, leg, instruction_id, report_id, accrual_id, text, quantity,
     unit_price, net, tax_rate, tax_rule_version_id, tax, gross, credits, is_closing)
SELECT invoice_id, line, trade_id, version, item, part, leg, instruction_id, report_id, accrual_id, text, quantity,
       unit_price, net, tax_rate, tax_rule_version_id, tax, net + tax, credits, is_closing
FROM jsonb_to_recordset(%s::jsonb) AS l(
    invoice_id bigint, line int, trade_id bigint, version int, item text, part int, leg int, instruction_id bigint,
    report_id bigint, accrual_id bigint, text text, quantity numeric, unit_price numeric, net numeric,
    tax_rate numeric, tax_rule_version_id bigint, tax numeric, credits bigint, is_closing boolean)
ORDER BY invoice_id, line
"""


def issue(drafts: Sequence[Draft], *, now: datetime, actor: Actor) -> list[int]:
    """Number and store documents in the caller's transaction, with an event each; return their ids, in order."""
    if not drafts:
        return []
    day = business_date(now)
    next_number = _take_numbers(drafts)
    ids = [number for (number,) in sql.rows(_IDS, [len(drafts)])]
    heads: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for document_id, draft in zip(ids, drafts, strict=True):
        series = (draft.entity_id, draft.series)
        heads.append(_head(document_id, draft, next_number[series], day))
        next_number[series] += 1
        lines += [
            {"invoice_id": document_id, "line": place, **asdict(line)}
            for place, line in enumerate(draft.lines, start=1)
        ]
    stored = sql.rows(_INVOICES, {"drafts": encode(heads), "day": day, "at": now, "by": actor.name})
    sql.run(_LINES, [encode(lines)])
    references: dict[int, str] = dict(stored)
    for kind, event in ((False, "invoice.issued"), (True, "invoice.credited")):
        told = [head for head in heads if (head["credits"] is not None) == kind]
        record(
            type=event,
            subject=SUBJECT,
            ids=[head["id"] for head in told],
            actor=actor,
            at=now,
            each=[_told(head, references[head["id"]]) for head in told],
        )
    return ids


def _take_numbers(drafts: Sequence[Draft]) -> dict[tuple[int, str], int]:
    """Return the first number of each series, having locked and advanced them in their order."""
    counts = Counter((draft.entity_id, draft.series) for draft in drafts)
    wanted = sorted(counts)
    last = sql.rows(
        _NUMBERS,
        [[each[0] for each in wanted], [each[1] for each in wanted], [counts[each] for each in wanted]],
    )
    return {(entity, series): number - counts[entity, series] + 1 for entity, series, number in last}


def _head(document_id: int, draft: Draft, number: int, day: date) -> dict[str, Any]:
    return {
        "id": document_id,
        "series": draft.series,
        "number": number,
        "entity_id": draft.entity_id,
        "customer_id": draft.customer_id,
        "currency": draft.currency,
        "due_date": draft.due(day),
        "trade_id": draft.trade_id,
        "credits": draft.credits,
        "reason": draft.reason,
        "net": sum((line.net for line in draft.lines), ZERO),
        "tax": sum((line.tax for line in draft.lines), ZERO),
    }


def _told(head: dict[str, Any], reference: str) -> dict[str, Any]:
    return {
        "reference": reference,
        "trade": None if head["trade_id"] is None else public_id(TRADE, head["trade_id"]),
        "gross": format_amount(head["net"] + head["tax"], head["currency"]),
        "currency": head["currency"],
        "reason": head["reason"] or None,
    }
