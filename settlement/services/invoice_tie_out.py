"""Tie-out of invoices: what is billed against what was delivered and accrued. The residual is 0, or a named break.

What billing would do now is a break: it is late, or something changed what is owed without anybody telling it. To
correct is to bill and credit. What is left then, because it cannot be billed or is wrong with the documents themselves,
cannot be put right by another one: a person must look, and it stands in the queue. See docs/adr/0063.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import OperationalError, transaction

from core import sql
from core.audit import Actor
from core.clock import business_date
from core.ids import TRADE, public_id
from core.money import ZERO, format_amount, round_money_sql
from settlement.services._billable import ORDERS
from settlement.services.invoice import bill_trades
from settlement.services.invoice_items import read_situation
from settlement.services.invoice_plan import plan
from settlement.services.tie_out_work import Left, keep_what_is_left
from settlement.tie_out_breaks import (
    GAP,
    INVOICE,
    NOT_BILLED,
    NOT_OWED,
    OVER_CREDITED,
    SERIES,
    WORDS,
    WRONG_LINE,
    WRONG_TOTAL,
)
from trades.lifecycle import lock_trades

AT_ONCE = 1_000
_log = logging.getLogger(__name__)


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
            f"{of}{self.about} {WORDS[self.code]}: {billed} {self.currency}".rstrip() + f", {owed} expected"
        )


# One that stands in the queue is looked at whatever has become of its trade.
_PORTION = f"""
SELECT s.trade_id FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id > %s AND (
    (v.product = ANY(%s::text[]) AND v.side = 'SELL')
    OR EXISTS (SELECT FROM settlement_fee_accrual a
               WHERE a.trade_id = s.trade_id AND a.amount > 0 AND NOT a.is_stated AND a.reverses IS NULL)
    OR EXISTS (SELECT FROM settlement_invoice_line l WHERE l.trade_id = s.trade_id)
    OR s.trade_id IN (SELECT e.trade_id FROM trades_exception e WHERE e.kind = '{INVOICE}' AND e.closed_at IS NULL))
ORDER BY s.trade_id LIMIT %s
"""


def tie_out_invoices(
    *, correct: bool, now: datetime, actor: Actor, on_portion: Callable[[int], None] = lambda count: None
) -> list[Break]:
    """Return every break, in the order of the trades; with `correct`, bill and credit what can be.

    What is left then is a work item of its trade, or of the series whose numbers have a gap, until a later tie-out with
    `correct` finds that the sides agree.
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
    return found + _tie_out_numbers(correct, now, actor)


def _tie_out(trade_ids: Sequence[int], correct: bool, now: datetime, actor: Actor) -> list[Break]:
    lock_trades(trade_ids)
    late, wrong = _late(trade_ids, now), _wrong(trade_ids)
    if correct:
        left = [*late, *wrong]
        if late:
            _bill(sorted({each.trade_id for each in late if each.trade_id is not None}), now, actor)
            left = [*_late(trade_ids, now), *_wrong(trade_ids)]
        _keep(trade_ids, left, now, actor)
    return sorted([*late, *wrong], key=_order)


def _order(each: Break) -> tuple[int, str, str]:
    return (each.trade_id or 0, each.about, each.code)


def _bill(trade_ids: Sequence[int], now: datetime, actor: Actor) -> None:
    """Bill and credit what there is to of trades. One that cannot be is found by halves, and keeps back no other."""
    try:
        bill_trades(trade_ids=trade_ids, now=now, actor=actor)
    except OperationalError:  # not of a trade: the connection, or a deadlock
        raise
    except Exception:
        if len(trade_ids) == 1:
            _log.exception("billing the trade %d failed", *trade_ids)
            return
        half = len(trade_ids) // 2
        for some in (trade_ids[:half], trade_ids[half:]):
            _bill(some, now, actor)


def _late(trade_ids: Sequence[int], now: datetime) -> list[Break]:
    """Return what billing would change now, by item: what is billed of it and what should be."""
    situation = read_situation(trade_ids, on=business_date(now))
    wanted = plan(situation.items, situation.standing)
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
# Of the first of its trades alone: one break, found while that trade is locked, whichever portions have the others.
_WRONG_TOTALS = """
SELECT min(l.trade_id), i.reference, i.currency, i.gross, sum(l.gross)
FROM settlement_invoice i JOIN settlement_invoice_line l ON l.invoice_id = i.id
WHERE i.id IN (SELECT invoice_id FROM settlement_invoice_line WHERE trade_id = ANY(%(ids)s::bigint[]))
GROUP BY i.id, i.reference, i.currency, i.gross, i.net, i.tax
HAVING (i.gross <> sum(l.gross) OR i.net <> sum(l.net) OR i.tax <> sum(l.tax))
   AND min(l.trade_id) = ANY(%(ids)s::bigint[])
"""
_DOCUMENTS = ((WRONG_LINE, _WRONG_LINES), (OVER_CREDITED, _OVER_CREDITED), (WRONG_TOTAL, _WRONG_TOTALS))


def _wrong(trade_ids: Sequence[int]) -> list[Break]:
    """Return what is wrong with the documents of trades themselves."""
    return [
        Break(trade_id, code, about, currency, billed, expected)
        for code, statement in _DOCUMENTS
        for trade_id, about, currency, billed, expected in sql.rows(statement, {"ids": list(trade_ids)})
    ]


_SERIES = """
SELECT s.id, p.code || '-' || s.series, count(i.id), s.last_number,
       count(i.id) <> s.last_number OR max(i.number) <> s.last_number OR min(i.number) <> 1
FROM settlement_invoice_series s
JOIN refdata_party p ON p.id = s.entity_id
LEFT JOIN settlement_invoice i ON i.entity_id = s.entity_id AND i.series = s.series
GROUP BY s.id, p.code, s.series, s.last_number
ORDER BY 2
"""

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('settlement_invoice_numbers', 0))"


def _tie_out_numbers(correct: bool, now: datetime, actor: Actor) -> list[Break]:
    """Return the series that have not exactly the numbers from 1 to the last one taken."""
    with transaction.atomic():
        sql.run(_ONE_AT_A_TIME)  # who read before another did would close what that one has opened
        rows = sql.rows(_SERIES)
        gaps = {
            series_id: Break(None, GAP, series, "", Decimal(count), Decimal(last))
            for series_id, series, count, last, has_gap in rows
            if has_gap
        }
        if correct:
            keep_what_is_left(
                kind=INVOICE,
                title="Invoices do not tie out",
                subject=SERIES,
                looked_at=[series_id for series_id, *_ in rows],
                left=[_left(series_id, each) for series_id, each in gaps.items()],
                now=now,
                actor=actor,
            )
    return list(gaps.values())


def _keep(trade_ids: Sequence[int], left: Sequence[Break], now: datetime, actor: Actor) -> None:
    keep_what_is_left(
        kind=INVOICE,
        title="Invoices do not tie out",
        looked_at=trade_ids,
        left=[_left(each.trade_id, each) for each in sorted(left, key=_order) if each.trade_id is not None],
        now=now,
        actor=actor,
    )


def _left(subject_id: int, found: Break) -> Left:
    return Left(subject_id, found.code, found.about, found.currency, found.billed, found.owed, str(found))
