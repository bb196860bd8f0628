"""Sales beyond what is held, where the book refuses shorts: work for somebody, until they are no more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core import sql
from core.audit import Actor
from core.money import format_number
from ledger.lots import Kind, Movement, Rank
from ledger.work_kinds import SHORT_SALE
from trades.services.exceptions import NewException, close_exceptions, open_exceptions

_STILL = f"""
SELECT DISTINCT source_id FROM ledger_lot_movement
WHERE source_id = ANY(%s) AND kind = '{Kind.REFUSED.value}' AND rank = '{Rank.TRADE.value}'
"""
_SALES = """
SELECT s.trade_id, v.base_amount, k.code, string_agg(i.code || ' (' || r.quantity || ')', ', ' ORDER BY i.code)
FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS r(trade_id, instrument_id, quantity)
JOIN trades_state s ON s.trade_id = r.trade_id
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
JOIN refdata_instrument i ON i.id = r.instrument_id
JOIN refdata_book k ON k.id = v.book_id
GROUP BY s.trade_id, v.base_amount, k.code ORDER BY s.trade_id
"""


def follow_refusals(
    *, were: Collection[int], moved: Mapping[Any, Iterable[Movement]], now: datetime, actor: Actor
) -> None:
    """Open a work item for each sale that is refused now and was not, and close those of sales that no longer are.

    were: the trades that were refused in the positions that have been told again; moved: what was told of each.
    """
    refused = [
        (each.place.source_id, key.instrument_id, format_number(-each.quantity))
        for key, movements in moved.items()
        for each in movements
        if each.kind == Kind.REFUSED and each.place.rank == Rank.TRADE and each.place.source_id not in were
    ]
    _open(refused, now, actor)
    if were:
        still = {source_id for (source_id,) in sql.rows(_STILL, [sorted(were)])}
        close_exceptions(
            trade_ids=sorted(set(were) - still),
            kinds=[SHORT_SALE],
            resolution="the book holds what is sold",
            closed_by=actor,
            at=now,
        )


def _open(refused: Sequence[tuple[int, int, str | None]], now: datetime, actor: Actor) -> None:
    if not refused:
        return
    items = [
        NewException(
            trade_id=trade_id,
            kind=SHORT_SALE,
            codes=[SHORT_SALE],
            summary=f"{book} holds less than is sold: {sold}.",
            amount_at_risk=amount,
            causes=[f"{SHORT_SALE} {book}"],
        )
        for trade_id, amount, book, sold in sql.rows(
            _SALES, [list(each) for each in zip(*refused, strict=True)]
        )
    ]
    open_exceptions(items=items, at=now, actor=actor)
