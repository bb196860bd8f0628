"""What corporate actions do in a run: from what was entered of them, with whom it was held, and at adjusted prices.

A split changes the quantity and the price, a redemption gives money for what is held: both are part of what the market
did. A dividend is carry. A coupon changes nothing, as its interest was earned day by day, unless nobody told us when a
bond pays what.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from core import sql
from ledger.actions import SECURITY, Type
from ledger.models import Basis
from ledger.selectors.profit_pieces import KEY

_PRECISION = 60
_SCALE = 20  # decimals of what one with a share in a position has of an action
# Whether an entry had been made, and counted by its day.
_COUNTS = (
    "CASE WHEN pg_visible_in_snapshot(e.xid::text::xid8, %({which}_seen)s::pg_snapshot)"
    " AND e.effective_date <= %({on})s::date THEN e.quantity ELSE 0 END"
)
_KNOWN_COUPONS = "i.product_class = 'BOND' AND i.coupon_rate IS NOT NULL"  # which comes with the other terms
# Who held it: as the day began, or, of what is only known now, what is told in this run. In proportion, so that shorts
# owe what holdings receive. What nobody holds any more belongs to the book alone.
_ACTED = f"""
WITH entered AS MATERIALIZED (
    SELECT e.book_id, a.instrument_id, a.type, e.leg = {SECURITY} AS is_security,
           CASE WHEN e.leg = {SECURITY} THEN coalesce(i.currency, e.currency) ELSE e.currency END AS currency,
           CASE WHEN i.product_class = 'BOND' AND e.leg = {SECURITY} THEN e.effective_date END AS accrues_from,
           sum({_COUNTS.format(which="now", on="day")} - {_COUNTS.format(which="was", on="opened")}) AS amount
    FROM ledger_position_entry e
    JOIN ledger_corporate_action_version a ON a.action_id = e.action_id AND a.version = 1
    LEFT JOIN refdata_instrument i ON i.id = a.instrument_id
    WHERE e.action_id IS NOT NULL AND e.basis = '{Basis.TRADED.value}'
      AND (e.xid >= %(was_below)s OR e.effective_date > %(opened)s::date)
      AND NOT (a.type = '{Type.INTR.value}' AND {_KNOWN_COUPONS})
    GROUP BY 1, 2, 3, 4, 5, 6
), holders AS MATERIALIZED (
    SELECT book_id, instrument_id, product, trader, counterparty_id, sum(was) AS was, sum(held) AS held
    FROM (
        SELECT book_id, instrument_id, product, trader, counterparty_id, starts_on, quantity AS was, quantity AS held
        FROM ledger_profit_line WHERE run_id = %(opening)s AND instrument_id <> 0
        UNION ALL
        SELECT book_id, instrument_id, product, trader, counterparty_id, starts_on, 0, quantity
        FROM profit_delta WHERE instrument_id <> 0
    ) each
    WHERE (book_id, instrument_id) IN (SELECT book_id, instrument_id FROM entered) AND starts_on IS NULL
    GROUP BY 1, 2, 3, 4, 5
), shares AS (
    SELECT *, CASE WHEN sum(was) OVER position <> 0 THEN was ELSE held END AS share,
           CASE WHEN sum(was) OVER position <> 0 THEN sum(was) OVER position ELSE sum(held) OVER position END AS whole
    FROM holders WINDOW position AS (PARTITION BY book_id, instrument_id)
), split AS (
    SELECT e.*, coalesce(s.product, 'CORPORATE_ACTION') AS product, coalesce(s.trader, '') AS trader,
           coalesce(s.counterparty_id, 0) AS counterparty_id,
           coalesce(round(e.amount * s.share / s.whole, {_SCALE}), e.amount) AS part
    FROM entered e
    LEFT JOIN shares s ON s.book_id = e.book_id AND s.instrument_id = e.instrument_id AND s.whole <> 0 AND s.share <> 0
    WHERE e.amount <> 0
), given AS (
    SELECT *, part + CASE WHEN row_number() OVER whole = 1 THEN amount - sum(part) OVER alike ELSE 0 END AS exact
    FROM split
    WINDOW alike AS (PARTITION BY book_id, instrument_id, type, is_security, currency, accrues_from),
           whole AS (PARTITION BY book_id, instrument_id, type, is_security, currency, accrues_from
                     ORDER BY abs(part) DESC, product, trader, counterparty_id)
)
INSERT INTO profit_delta (bucket, {KEY}, quantity, cash, fees)
SELECT CASE WHEN type IN ('{Type.SPLF.value}', '{Type.REDM.value}') THEN 'ACTION' ELSE 'INCOME' END,
       book_id, product, instrument_id, currency, trader, counterparty_id, NULL, accrues_from,
       CASE WHEN is_security THEN exact ELSE 0 END, CASE WHEN is_security THEN 0 ELSE exact END, 0
FROM given
"""
_SPLITS = f"""
SELECT instrument_id, ex_date, old_quantity, new_quantity FROM (
    SELECT DISTINCT ON (action_id) * FROM ledger_corporate_action_version WHERE type = '{Type.SPLF.value}'
    ORDER BY action_id, version DESC
) AS newest
WHERE NOT is_cancelled AND ex_date <= %(day)s AND ex_date > %(day)s::date - 366
ORDER BY instrument_id, ex_date DESC
"""


def add_actions(parameters: dict[str, Any]) -> None:
    """Add to `profit_delta` what corporate actions have come to since the run before, by whoever held."""
    sql.run(_ACTED, parameters)


def split_factors(day: date) -> list[tuple[int, date, date, Decimal]]:
    """Return what a price that was published before a split is worth after it, for the splits of a year until a day.

    Each: the instrument, the dates of the prices (from one on, before another), and the factor.
    """
    splits: dict[int, list[tuple[date, Decimal, Decimal]]] = defaultdict(list)
    for instrument_id, ex_date, old, new in sql.rows(_SPLITS, {"day": day}):
        splits[instrument_id].append((ex_date, old, new))
    found: list[tuple[int, date, date, Decimal]] = []
    with localcontext(prec=_PRECISION):
        for instrument_id, newest_first in splits.items():
            factor = Decimal(1)
            earlier = [ex_date for ex_date, _, _ in newest_first[1:]] + [date.min]
            for (ex_date, old, new), since in zip(newest_first, earlier, strict=True):
                factor = factor * old / new
                found.append((instrument_id, since, ex_date, factor))
    return found
