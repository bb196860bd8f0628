"""Tie-out of invoices: what is billed against what was delivered and accrued. The residual is 0, or a named break.

What billing would do now is a break: it is late, or something changed what is owed without anybody telling it. To
correct is to bill and credit. What is wrong with the documents themselves cannot be put right by another one: a person
must look, and it stands in the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core import sql
from core.audit import Actor
from core.clock import business_date
from core.ids import TRADE, public_id
from core.money import ZERO, format_amount, round_money_sql
from settlement.services._billable import ORDERS
from settlement.services.invoice import apply_plan
from settlement.services.invoice_items import Situation, read_situation
from settlement.services.invoice_plan import Plan, plan
from trades.lifecycle import lock_trades
from trades.services.exceptions import NewException, close_exceptions, open_exceptions

AT_ONCE = 1_000
ITEM = "INVOICE"  # the kind of work item
NOT_BILLED, NOT_OWED, WRONG_LINE, WRONG_TOTAL, OVER_CREDITED, GAP = (
    "NOT_BILLED",
    "NOT_OWED",
    "WRONG_LINE",
    "WRONG_TOTAL",
    "OVER_CREDITED",
    "GAP",
)
_WORDS = {
    NOT_BILLED: "owed and not billed",
    NOT_OWED: "billed and not owed",
    WRONG_LINE: "not quantity times price",
    WRONG_TOTAL: "not the sum of its lines",
    OVER_CREDITED: "credited more than billed",
    GAP: "numbers with a gap",
}


@dataclass(frozen=True)
class Break:
    """What does not tie out: of which trade's item or document, and both amounts (of a gap: both counts)."""

    trade_id: int | None
    code: str
    about: str
    currency: str
    billed: Decimal
    owed: Decimal

    def __str__(self) -> str:
        billed, owed = (
            format_amount(each, self.currency) if self.currency else f"{each:f}"
            for each in (self.billed, self.owed)
        )
        of = f"{public_id(TRADE, self.trade_id)} " if self.trade_id is not None else ""
        return (
            f"{of}{self.about} {_WORDS[self.code]}: {billed} {self.currency}".rstrip() + f", {owed} expected"
        )


_PORTION = """
SELECT s.trade_id FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id > %s AND (
    (v.product = ANY(%s::text[]) AND v.side = 'SELL')
    OR EXISTS (SELECT FROM settlement_fee_accrual a
               WHERE a.trade_id = s.trade_id AND a.amount > 0 AND NOT a.is_stated AND a.reverses IS NULL)
    OR EXISTS (SELECT FROM settlement_invoice_line l WHERE l.trade_id = s.trade_id))
ORDER BY s.trade_id LIMIT %s
"""


def tie_out_invoices(
    *, correct: bool, now: datetime, actor: Actor, on_portion: Callable[[int], None] = lambda count: None
) -> list[Break]:
    """Return every break, in the order of the trades; with `correct`, bill and credit what can be.

    Works in portions, each in a transaction of its own; `on_portion` is told how many trades each had. May run twice,
    or beside everything else: a trade is looked at under its lock.
    """
    found: list[Break] = []
    last = 0
    while portion := [each for (each,) in sql.rows(_PORTION, [last, list(ORDERS), AT_ONCE])]:
        last = portion[-1]
        with transaction.atomic():
            found += _tie_out(portion, correct, now, actor)
        on_portion(len(portion))
    return found + _gaps()


def _tie_out(trade_ids: Sequence[int], correct: bool, now: datetime, actor: Actor) -> list[Break]:
    lock_trades(trade_ids)
    situation = read_situation(trade_ids, on=business_date(now))
    wanted = plan(situation.items, situation.standing)
    late = _late(situation, wanted)
    wrong = _wrong(trade_ids)
    if correct:
        apply_plan(situation, wanted, now=now, actor=actor)
        _tell(trade_ids, wrong, now, actor)
    return sorted([*late, *wrong], key=lambda each: (each.trade_id or 0, each.about, each.code))


def _late(situation: Situation, wanted: Plan) -> list[Break]:
    """Return what a plan would change, by item: what is billed of it and what should be."""
    billed: dict[tuple[int, str], Decimal] = {}
    for line in situation.standing:
        key = (line.trade_id, line.item)
        billed[key] = billed.get(key, ZERO) + line.net + line.tax
    owed = dict(billed)
    currencies: dict[tuple[int, str], str] = {}
    for line in wanted.closes:
        key = (line.trade_id, line.item)
        owed[key] -= line.net + line.tax
        currencies[key] = line.currency
    for bill in wanted.bills:
        key = (bill.item.trade_id, bill.item.name)
        owed[key] = owed.get(key, ZERO) + bill.net + bill.tax
        currencies[key] = bill.item.payer.currency
    return [
        Break(
            key[0],
            NOT_BILLED if owed[key] >= billed.get(key, ZERO) else NOT_OWED,
            key[1],
            currency,
            billed.get(key, ZERO),
            owed[key],
        )
        for key, currency in currencies.items()
    ]


# Told by the documents alone, and not by what billing computes.
_WRONG_LINES = f"""
SELECT l.trade_id, l.item, i.currency, sum(l.net), {round_money_sql("sum(l.quantity) * l.unit_price", "i.currency")}
FROM settlement_invoice_line l JOIN settlement_invoice i ON i.id = l.invoice_id
WHERE l.trade_id = ANY(%(ids)s::bigint[]) AND l.credits IS NULL
  AND NOT EXISTS (SELECT FROM settlement_invoice_line c WHERE c.credits = l.id AND c.is_closing)
GROUP BY l.trade_id, l.item, l.unit_price, i.currency
HAVING sum(l.net) <> {round_money_sql("sum(l.quantity) * l.unit_price", "i.currency")}
"""
_OVER_CREDITED = """
SELECT l.trade_id, l.item, i.currency, l.gross, sum(c.gross)
FROM settlement_invoice_line l
JOIN settlement_invoice i ON i.id = l.invoice_id
JOIN settlement_invoice_line c ON c.credits = l.id
WHERE l.trade_id = ANY(%(ids)s::bigint[])
GROUP BY l.trade_id, l.item, i.currency, l.id, l.gross HAVING abs(sum(c.gross)) > abs(l.gross)
"""
_WRONG_TOTALS = """
SELECT min(l.trade_id), i.reference, i.currency, i.gross, sum(l.gross)
FROM settlement_invoice i JOIN settlement_invoice_line l ON l.invoice_id = i.id
WHERE i.id IN (SELECT invoice_id FROM settlement_invoice_line WHERE trade_id = ANY(%(ids)s::bigint[]))
GROUP BY i.id, i.reference, i.currency, i.gross, i.net, i.tax
HAVING i.gross <> sum(l.gross) OR i.net <> sum(l.net) OR i.tax <> sum(l.tax)
"""
_DOCUMENTS = ((WRONG_LINE, _WRONG_LINES), (OVER_CREDITED, _OVER_CREDITED), (WRONG_TOTAL, _WRONG_TOTALS))


def _wrong(trade_ids: Sequence[int]) -> list[Break]:
    """Return what is wrong with the documents of trades themselves."""
    return [
        Break(trade_id, code, about, currency, billed, expected)
        for code, statement in _DOCUMENTS
        for trade_id, about, currency, billed, expected in sql.rows(statement, {"ids": list(trade_ids)})
    ]


_GAPS = """
SELECT p.code || '-' || s.series, count(i.id), s.last_number
FROM settlement_invoice_series s
JOIN refdata_party p ON p.id = s.entity_id
LEFT JOIN settlement_invoice i ON i.entity_id = s.entity_id AND i.series = s.series
GROUP BY p.code, s.series, s.last_number
HAVING count(i.id) <> s.last_number OR max(i.number) <> s.last_number OR min(i.number) <> 1
ORDER BY 1
"""


def _gaps() -> list[Break]:
    """Return the series that have not exactly the numbers from 1 to the last one taken."""
    return [
        Break(None, GAP, series, "", Decimal(count), Decimal(last)) for series, count, last in sql.rows(_GAPS)
    ]


def _tell(trade_ids: Sequence[int], wrong: Sequence[Break], now: datetime, actor: Actor) -> None:
    """Have a work item open on each trade whose documents are wrong, and on no other of these trades."""
    by_trade: dict[int, list[Break]] = {}
    for each in wrong:
        if each.trade_id is not None:
            by_trade.setdefault(each.trade_id, []).append(each)
    open_exceptions(
        items=[
            NewException(
                trade_id=trade_id,
                kind=ITEM,
                codes=sorted({each.code for each in breaks}),
                summary=f"Invoices do not tie out: {'; '.join(map(str, breaks[:3]))}",
            )
            for trade_id, breaks in by_trade.items()
        ],
        at=now,
        actor=actor,
    )
    whole = [trade_id for trade_id in trade_ids if trade_id not in by_trade]
    close_exceptions(trade_ids=whole, kinds=[ITEM], resolution="ties out", closed_by=actor, at=now)
