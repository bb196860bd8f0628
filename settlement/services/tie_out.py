"""Tie-out: what is accrued for deals against what their current versions are charged. The residual is 0, or a break
that is named: the trade, the type and the currency, and both amounts.

A rule that was approved in the afternoon charges deals of the morning too, whose checks did not know it: such breaks
are expected, and correcting them is how they are charged. What stays all the same is work: see docs/adr/0063.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.ids import TRADE, public_id
from core.money import format_amount
from settlement.services.accrue import WANTED, accrue_any
from settlement.services.tie_out_work import Left, keep_what_is_left
from settlement.tie_out_breaks import FEES, FEES_DIFFER
from trades.lifecycle import SUBJECT, State, lock_trades

AT_ONCE = 5_000


@dataclass(frozen=True)
class Break:
    """Charges of one type that are not accrued as they should be. Above zero we receive, below we pay."""

    trade_id: int
    type: str
    currency: str
    accrued: Decimal
    charged: Decimal

    def __str__(self) -> str:
        accrued, charged = (format_amount(each, self.currency) for each in (self.accrued, self.charged))
        return f"{public_id(TRADE, self.trade_id)} {self.type}: {accrued} {self.currency} accrued, {charged} charged"


# What waits for its checks is accrued by them.
_PORTION = f"""
SELECT trade_id FROM trades_state
WHERE trade_id > %s AND checked_version IS NOT NULL AND state <> {State.CAPTURED.value} ORDER BY trade_id LIMIT %s
"""
_BREAKS = f"""
WITH {WANTED}, accrued AS (
    SELECT trade_id, type, currency, sum(amount) AS amount FROM settlement_fee_accrual
    WHERE trade_id = ANY(%(ids)s::bigint[]) GROUP BY trade_id, type, currency
), charged AS (
    SELECT trade_id, type, currency, sum(amount) AS amount FROM wanted GROUP BY trade_id, type, currency
)
SELECT trade_id, type, currency, coalesce(a.amount, 0), coalesce(c.amount, 0)
FROM accrued a FULL JOIN charged c USING (trade_id, type, currency)
WHERE coalesce(a.amount, 0) <> coalesce(c.amount, 0) ORDER BY trade_id, type, currency
"""


def tie_out_fees(
    *, correct: bool, now: datetime, actor: Actor, on_portion: Callable[[int], None] = lambda count: None
) -> list[Break]:
    """Return every break, in the order of the trades; with `correct`, each is accrued anew and stands in the log.

    What correcting leaves is a work item of its trade until a later tie-out with `correct` finds that the sides agree.
    Works in portions, each in a transaction of its own; `on_portion` is told how many trades each had. May run
    twice, or beside everything else: a trade is looked at under its lock.
    """
    found: list[Break] = []
    last = 0
    while portion := [trade_id for (trade_id,) in sql.rows(_PORTION, [last, AT_ONCE])]:
        last = portion[-1]
        with transaction.atomic():
            if correct:
                lock_trades(portion)
            breaks = _breaks(portion)
            if correct:
                left = _correct(breaks, now=now, actor=actor)
                _keep(portion, left, now, actor)
        found += breaks
        on_portion(len(portion))
    return found


def _breaks(trade_ids: Sequence[int]) -> list[Break]:
    return [Break(*row) for row in sql.rows(_BREAKS, {"ids": list(trade_ids)})]


def _correct(breaks: Sequence[Break], *, now: datetime, actor: Actor) -> list[Break]:
    """Accrue breaks anew and return those that are left."""
    if not breaks:
        return []
    trade_ids = sorted({each.trade_id for each in breaks})
    accrue_any(trade_ids, now)
    left = _breaks(trade_ids)
    still = {(each.trade_id, each.type, each.currency) for each in left}
    for each in breaks:
        if (each.trade_id, each.type, each.currency) in still:
            continue
        record(
            type="trade.fees_corrected",
            subject=SUBJECT,
            ids=[each.trade_id],
            actor=actor,
            at=now,
            data={
                "type": each.type,
                "currency": each.currency,
                "before": format_amount(each.accrued, each.currency),
                "after": format_amount(each.charged, each.currency),
            },
        )
    return left


def _keep(trade_ids: Sequence[int], left: Sequence[Break], now: datetime, actor: Actor) -> None:
    keep_what_is_left(
        kind=FEES,
        title="Charges do not tie out",
        looked_at=trade_ids,
        left=[
            Left(each.trade_id, FEES_DIFFER, each.type, each.currency, each.accrued, each.charged, str(each))
            for each in left
        ],
        now=now,
        actor=actor,
    )
