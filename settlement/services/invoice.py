"""Invoices: what was delivered, rendered or charged is billed, and what holds no longer is credited, by itself.

A trade is brought from what was billed of it to what there is to bill of it, under its lock: again, or twice at once,
that adds nothing. See docs/adr/0056.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from core import sql, work
from core.audit import Actor
from core.clock import business_date
from core.money import format_amount
from core.wake import wake_on_commit
from settlement.services.invoice_items import CREDIT, Situation, read_situation
from settlement.services.invoice_plan import Bill, Plan, Standing, plan
from settlement.services.invoice_store import Draft, DraftLine, issue
from trades.lifecycle import State, lock_trades
from trades.services.supersession import Cause, Follower

TASK = "settlement.bill"
LIMIT = 1_000  # trades of one transaction, and so of one statement
NO_LONGER = "What was billed holds no longer."
_log = logging.getLogger(__name__)


def bill_queued(*, now: datetime, actor: Actor) -> int:
    """Bill the trades that wait for it, and return how many were claimed.

    What fails is split and tried again later, so that one bad trade holds up nothing else; what ends its worker again
    and again is set aside.
    """
    with transaction.atomic():
        claimed = work.claim(TASK, limit=LIMIT, now=now)
        if not claimed:
            return claimed.put_back
        if claimed.deadly:
            _log.error("billing the trade %d ends the worker: it is set aside", *claimed.subject_ids)
            work.set_aside(claimed)
            return len(claimed.subject_ids)
        try:
            with transaction.atomic():
                bill_trades(trade_ids=claimed.subject_ids, now=now, actor=actor)
        except Exception:
            _log.exception("billing %d trades failed", len(claimed.subject_ids))
            work.postpone(claimed, now=now)
        else:
            work.finish(claimed)
    return len(claimed.subject_ids)


def queue_billing(trade_ids: Sequence[int]) -> None:
    """Have trades billed soon, in the caller's transaction."""
    if trade_ids:
        work.enqueue(TASK, sorted(set(trade_ids)))
        wake_on_commit(TASK)


def bill_trades(*, trade_ids: Sequence[int], now: datetime, actor: Actor) -> list[int]:
    """Bill what there is to bill of trades and credit what holds no longer; return the new documents' ids.

    An order has an invoice of its own for what is billed of it at one time, charges that are billed by month share
    one by customer and currency. A credit note is of one invoice.
    """
    ids = sorted(set(trade_ids))
    with transaction.atomic():
        lock_trades(ids)
        situation = read_situation(ids, on=business_date(now))
        return apply_plan(situation, plan(situation.items, situation.standing), now=now, actor=actor)


def apply_plan(situation: Situation, wanted: Plan, *, now: datetime, actor: Actor) -> list[int]:
    """Issue what a plan says, credit notes first; the caller has locked the trades. Return the documents' ids."""
    if not wanted:
        return []
    return issue([*_credit_notes(situation, wanted), *_invoices(situation, wanted)], now=now, actor=actor)


def _invoices(situation: Situation, wanted: Plan) -> list[Draft]:
    drafts: dict[Any, Draft] = {}
    parts = dict(situation.parts)
    for bill in wanted.bills:
        deal = situation.deals[bill.item.trade_id]
        draft = drafts.get(bill.item.payer)
        if draft is None:
            payer = bill.item.payer
            draft = drafts[payer] = Draft(
                series=payer.series,
                entity_id=payer.entity_id,
                customer_id=payer.customer_id,
                currency=payer.currency,
                trade_id=payer.trade_id,
                days=deal.days,
                end_of_month=deal.end_of_month,
            )
        key = (bill.item.trade_id, bill.item.name)
        parts[key] = parts.get(key, 0) + 1
        draft.lines.append(_billed(bill, parts[key]))
    return list(drafts.values())


def _billed(bill: Bill, part: int) -> DraftLine:
    item = bill.item
    return DraftLine(
        trade_id=item.trade_id,
        version=item.version,
        item=item.name,
        part=part,
        text=item.text,
        quantity=bill.quantity,
        unit_price=item.unit_price,
        net=bill.net,
        tax=bill.tax,
        tax_rate=item.tax_rate,
        tax_rule_version_id=item.tax_rule_version_id,
        leg=item.leg,
        instruction_id=item.instruction_id,
        report_id=item.report_id,
        accrual_id=item.accrual_id,
    )


def _credit_notes(situation: Situation, wanted: Plan) -> list[Draft]:
    drafts: dict[int, Draft] = {}
    for line in wanted.closes:
        row = situation.rows[line.id]
        draft = drafts.setdefault(line.invoice_id, credit_note_of(row, reason=NO_LONGER))
        draft.lines.append(_closed(line, row))
    return list(drafts.values())


def credit_note_of(row: Any, *, reason: str) -> Draft:
    """Return an empty credit note for the invoice that a standing line, as it was read, is on."""
    return Draft(
        series=CREDIT,
        entity_id=row["entity_id"],
        customer_id=row["customer_id"],
        currency=row["currency"],
        trade_id=row["invoice_trade_id"],
        days=0,
        end_of_month=False,
        credits=row["invoice_id"],
        reason=reason,
    )


def _closed(line: Standing, row: Any) -> DraftLine:
    quantity, net, tax = line.open
    return credited_line(
        row, quantity=quantity, net=net, tax=tax, part=line.credit_count + 1, is_closing=True
    )


def credited_line(row: Any, *, is_closing: bool = False, **amounts: Any) -> DraftLine:
    """Return the credit of a standing line, as it was read: what is given back (quantity, net, tax) and its part."""
    same = ("trade_id", "version", "item", "text", "unit_price", "tax_rate", "tax_rule_version_id", "leg",
            "instruction_id", "report_id", "accrual_id")  # fmt: skip
    return DraftLine(
        **{name: row[name] for name in same}, **amounts, credits=row["id"], is_closing=is_closing
    )


_BILLED = "SELECT DISTINCT trade_id FROM settlement_invoice_line WHERE trade_id = ANY(%s) ORDER BY trade_id"


def correct_billed(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Credit what holds no longer of trades that were billed, in the transaction that changes or calls them off.

    The caller has locked the trades. Those that nothing was billed of cost one look-up together.
    """
    billed = [trade_id for (trade_id,) in sql.rows(_BILLED, [list(trade_ids)])]
    for first in range(0, len(billed), LIMIT):
        bill_trades(trade_ids=billed[first : first + LIMIT], now=at, actor=actor)


def _follow(trade_ids: Sequence[int], cause: Cause, at: datetime, actor: Actor) -> None:
    if cause == "AMEND":  # what is called off or divided arrives in its state, which credits it
        correct_billed(trade_ids, at, actor)


_OPEN = """
SELECT i.reference, i.currency, i.gross - coalesce((
    SELECT sum(c.gross) FROM settlement_invoice c WHERE c.credits = i.id), 0) AS open
FROM settlement_invoice i
WHERE i.kind = 'INVOICE' AND i.id IN (SELECT invoice_id FROM settlement_invoice_line WHERE trade_id = ANY(%s))
ORDER BY i.id
"""


def invoices_open(trade_ids: Sequence[int], _: datetime) -> dict[str, Any]:
    """Return what is billed by the invoices of trades and not credited, by their references."""
    return {
        reference: {"amount": format_amount(amount, currency), "currency": currency}
        for reference, currency, amount in sql.rows(_OPEN, [list(trade_ids)])
    }


def _foresee(trade_ids: Sequence[int], at: datetime) -> None:
    correct_billed(trade_ids, at, Actor("system:preview"))


FOLLOWER = Follower(act=_follow, looks={"invoices": invoices_open}, foresee=_foresee)

# What fell due by a day, or was left by billing that could not be done when it was queued.
_LIVE = [State.VALIDATED.value, State.INSTRUCTED.value, State.HANDED_OFF.value, State.ACKNOWLEDGED.value]
_DUE_SERVICES = """
SELECT s.trade_id FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.state = ANY(%(states)s::smallint[]) AND v.product = 'SERVICE' AND v.side = 'SELL'
  AND v.settlement_date < %(on)s AND s.trade_id > %(after)s
  AND (SELECT count(*) FROM settlement_invoice_line l
       WHERE l.trade_id = s.trade_id AND l.credits IS NULL AND l.leg IS NOT NULL
         AND NOT EXISTS (SELECT FROM settlement_invoice_line c WHERE c.credits = l.id AND c.is_closing))
    < (SELECT count(*) FROM jsonb_array_elements(v.terms->'lines') AS line WHERE (line->>'due_date')::date < %(on)s)
ORDER BY s.trade_id LIMIT %(limit)s
"""
_OPEN_CHARGES = """
SELECT DISTINCT a.trade_id FROM settlement_fee_accrual a
WHERE a.trade_id > %(after)s AND a.amount > 0 AND NOT a.is_stated AND a.reverses IS NULL
  AND NOT EXISTS (SELECT FROM settlement_fee_accrual r WHERE r.reverses = a.id)
  AND NOT EXISTS (SELECT FROM settlement_invoice_line l WHERE l.accrual_id = a.id)
ORDER BY a.trade_id LIMIT %(limit)s
"""


def bill_due(*, now: datetime, actor: Actor, on_portion: Callable[[int], None] = lambda count: None) -> int:
    """Bill services whose day has come and charges that are due, and return how many documents were issued.

    Works in portions, each in a transaction of its own; safe to repeat, and beside everything else.
    """
    issued = 0
    for statement in (_DUE_SERVICES, _OPEN_CHARGES):
        last = 0
        parameters = {"on": business_date(now), "limit": LIMIT, "states": _LIVE}
        while portion := [each for (each,) in sql.rows(statement, {**parameters, "after": last})]:
            last = portion[-1]
            issued += len(bill_trades(trade_ids=portion, now=now, actor=actor))
            on_portion(len(portion))
    return issued
