"""The lines of a run: what each position came to, part by part, and where it stands at the end."""

from __future__ import annotations

from django.conf import settings

from core.money import round_money_sql
from ledger.selectors.profit import PARTS
from ledger.selectors.profit_pieces import KEY

_STAYS = "r.bucket = 'OPEN' AND r.starts_on IS NULL"
_BEGINS = "r.bucket = 'OPEN' AND r.starts_on IS NOT NULL"
_IS_AHEAD = "coalesce(r.starts_on > %(day)s::date, false)"
_COLLAPSED = "coalesce(r.accrues_from <= %(day)s::date, false)"
_BASE = f"'{settings.BASE_CURRENCY}'"

# A bond's interest counts for whoever holds it from its settlement on; what was accrued until then was paid in the
# deal. Earned interest only grows, so that nothing is ours before that day.
# What a bond is redeemed for has no interest in it: what was earned until then stays earned.
_ACCRUED = "CASE r.bucket WHEN 'ACTION' THEN 0 ELSE coalesce(i.accrued, 0) END"
_UNIT = (
    f"CASE WHEN r.accrues_from IS NULL THEN {{now}} ELSE {_ACCRUED}"
    " + greatest({now} - coalesce(i.earned, 0), 0) END"
)


def _rounded(amount: str) -> str:
    return round_money_sql(f"coalesce({amount}, 0)", _BASE)


_LOCAL = {
    "new_trades": "sum(value - fees) FILTER (WHERE is_new AND NOT is_ahead)",
    "amendments": "sum(value - fees) FILTER (WHERE bucket = 'AMENDED' AND NOT is_ahead)",
    "market": "coalesce(sum(quantity * (price - was_price)) FILTER (WHERE stays AND priced AND was_priced), 0)"
    " + coalesce(sum(value) FILTER (WHERE bucket = 'ACTION'), 0)",
    "carry": "coalesce(sum(quantity * (unit - was_unit)) FILTER (WHERE stays AND priced AND was_priced), 0)"
    " + coalesce(sum(value) FILTER (WHERE bucket = 'INCOME'), 0)",
    "fees": "sum(fees) FILTER (WHERE NOT stays AND NOT is_ahead)",
    "adjustments": "sum(value) FILTER (WHERE bucket = 'ADJUSTED')",
    "unexplained": "sum(value - was_value) FILTER (WHERE stays AND priced AND NOT was_priced)",
}
_IN_BASE = {
    **{name: f"g.{name} * g.rate" for name in _LOCAL},
    "fx": "CASE WHEN g.was_rate IS NULL THEN 0 ELSE g.opening_value * (g.rate - g.was_rate) END",
    "unexplained": "g.unexplained * g.rate + CASE WHEN g.was_rate IS NULL THEN g.opening_value * g.rate ELSE 0 END",
}
# What rounding leaves goes to the largest part, so that the parts are the total to the minor unit.
_ALLOTTED = ", ".join(
    f"parts[{n}] + CASE WHEN largest = {n} THEN total - whole ELSE 0 END" for n in range(1, len(PARTS) + 1)
)
_ROUNDED_PARTS = ", ".join(_rounded(_IN_BASE[name]) for name in PARTS)

_WHOLE = " + ".join(f"parts[{n}]" for n in range(1, len(PARTS) + 1))
_SIZES = ", ".join(f"abs(parts[{n}])" for n in range(1, len(PARTS) + 1))

# The exact parts of each line, before anything is rounded.
PARTED = f"""
CREATE TEMPORARY TABLE profit_parted ON COMMIT DROP AS
WITH each AS MATERIALIZED (
    SELECT 'OPEN' AS bucket, {KEY}, quantity, cash, fees_ahead AS fees, value AS was_value, base_value AS was_base,
           is_priced AS was_priced
    FROM ledger_profit_line WHERE run_id = %(opening)s
    UNION ALL
    SELECT bucket, {KEY}, quantity, cash, fees, 0, 0, true FROM profit_delta
), valued AS (
    SELECT r.*, {_STAYS} AS stays, r.bucket = 'NEW' OR {_BEGINS} AS is_new, {_IS_AHEAD} AS is_ahead,
           r.instrument_id = 0 OR p.price IS NOT NULL AS priced,
           coalesce(p.price, 0) AS price, coalesce(p.was_price, 0) AS was_price,
           {_UNIT.format(now="coalesce(p.interest, 0)")} AS unit,
           {_UNIT.format(now="coalesce(p.was_interest, 0)")} AS was_unit,
           CASE WHEN {_COLLAPSED} THEN r.quantity * ({_ACCRUED} - coalesce(i.earned, 0)) ELSE 0 END AS settled_interest
    FROM each r
    LEFT JOIN profit_price p ON p.instrument_id = r.instrument_id AND r.instrument_id <> 0
    LEFT JOIN profit_interest i ON i.instrument_id = r.instrument_id AND i.since = r.accrues_from
), worth AS (
    SELECT r.*, CASE WHEN r.is_ahead THEN 0 WHEN r.priced THEN r.quantity * (r.price + r.unit) + r.cash + r.fees
                     WHEN r.stays THEN r.was_value WHEN r.bucket = 'INCOME' THEN r.cash ELSE r.fees END AS value,
           CASE WHEN {_IS_AHEAD} THEN r.starts_on END AS still_ahead,
           CASE WHEN NOT {_COLLAPSED} THEN r.accrues_from END AS still_accrues
    FROM valued r
), grouped AS (
    SELECT book_id, product, instrument_id, r.currency, trader, counterparty_id, still_ahead, still_accrues,
           sum(quantity) AS quantity,
           sum(cash + settled_interest + CASE WHEN is_ahead THEN 0 ELSE fees END) AS cash,
           sum(CASE WHEN is_ahead THEN fees ELSE 0 END) AS fees_ahead, sum(value) AS value,
           sum(was_value) AS opening_value, sum(was_base) AS was_base, bool_and(priced) AS priced,
           {", ".join(f"coalesce({local}, 0) AS {name}" for name, local in _LOCAL.items())}
    FROM (SELECT * FROM worth) r
    GROUP BY book_id, product, instrument_id, r.currency, trader, counterparty_id, still_ahead, still_accrues
), rated AS (
    SELECT g.*, coalesce(f.price, f.was_price, 0) AS rate, f.was_price AS was_rate
    FROM grouped g JOIN profit_price f ON f.instrument_id = 0 AND f.currency = g.currency
)
SELECT g.*, {_rounded("g.value * g.rate")} AS base_value,
       {_rounded("g.value * g.rate")} - g.was_base AS total, ARRAY[{_ROUNDED_PARTS}] AS parts
FROM rated g
"""
LINES = f"""
INSERT INTO ledger_profit_line (run_id, {KEY}, quantity, cash, fees_ahead, value, opening_value, base_value, is_priced,
                                {", ".join(PARTS)}, total)
SELECT %(run)s, book_id, product, instrument_id, currency, trader, counterparty_id, still_ahead, still_accrues,
       quantity, cash, fees_ahead, value, opening_value, base_value, priced, {_ALLOTTED}, total
FROM profit_parted
CROSS JOIN LATERAL (
    SELECT {_WHOLE} AS whole, array_position(ARRAY[{_SIZES}], greatest({_SIZES})) AS largest OFFSET 0
) AS rounding
WHERE quantity <> 0 OR cash <> 0 OR fees_ahead <> 0 OR value <> 0 OR opening_value <> 0 OR total <> 0
   OR greatest({_SIZES}) <> 0
"""
