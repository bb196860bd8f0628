"""The prices and rates of a run: the latest until its day, what bonds have earned, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from core import sql
from ledger.selectors.valuation import rule_days
from ledger.services.profit_actions import split_factors
from refdata.accrual import Coupons, accrual, earned
from refdata.calendars import FIRM, calendars_for

_HUNDRED = Decimal(100)

# What is held at the close, and what is only needed to value what came and went.
_NEEDED = """
CREATE TEMPORARY TABLE profit_needed ON COMMIT DROP AS
WITH each AS MATERIALIZED (
    SELECT book_id, instrument_id, currency, starts_on, accrues_from, quantity
    FROM ledger_profit_line WHERE run_id = %(opening)s
    UNION ALL
    SELECT book_id, instrument_id, currency, starts_on, accrues_from, quantity FROM profit_delta
), net AS (
    SELECT book_id, instrument_id, currency, sum(quantity) FILTER (
               WHERE starts_on IS NULL OR starts_on <= %(day)s::date) AS quantity,
           array_agg(DISTINCT accrues_from) FILTER (WHERE accrues_from IS NOT NULL) AS since
    FROM each GROUP BY book_id, instrument_id, currency
)
SELECT instrument_id, currency, since, coalesce(quantity, 0) <> 0 AS is_held FROM net
"""
_BONDS = """
SELECT i.id, jsonb_build_object('coupon_rate', i.coupon_rate, 'coupon_frequency', i.coupon_frequency,
       'day_count', i.day_count, 'end_of_month', i.end_of_month, 'dated_date', i.dated_date,
       'maturity', i.maturity)::text,
       (SELECT array_agg(DISTINCT on_day) FROM profit_needed n, unnest(n.since) AS on_day WHERE n.instrument_id = i.id)
FROM refdata_instrument i
WHERE i.id IN (SELECT instrument_id FROM profit_needed) AND i.product_class = 'BOND'
  AND i.coupon_rate IS NOT NULL AND i.dated_date IS NOT NULL AND i.maturity IS NOT NULL
"""
_coupons = msgspec.json.Decoder(Coupons, strict=False)
_INTEREST = """
CREATE TEMPORARY TABLE profit_interest (instrument_id bigint, since date, earned numeric, accrued numeric)
ON COMMIT DROP
"""
# A bond quotes its clean price for a hundred of nominal; the nominal is repaid at its maturity.
_SPLIT = ("split_of", "split_since", "split_on", "split_by")
_FACTOR = "CASE WHEN i.product_class = 'BOND' THEN 0.01 ELSE i.multiplier END"
_PRICE = f"""
CREATE TEMPORARY TABLE profit_price ON COMMIT DROP AS
WITH rule AS (
    SELECT * FROM unnest(%(codes)s::text[], %(oldest)s::date[]) AS t(code, oldest)
), needed AS (
    SELECT instrument_id, bool_or(is_held) AS is_held FROM profit_needed WHERE instrument_id <> 0 GROUP BY instrument_id
), found AS (
    SELECT n.instrument_id, n.is_held, coalesce(i.currency, '') AS currency, i.product_class, {_FACTOR} AS factor,
           CASE WHEN i.product_class = 'BOND' AND i.maturity <= %(day)s::date THEN i.maturity ELSE c.date END AS date,
           CASE WHEN i.product_class = 'BOND' AND i.maturity <= %(day)s::date THEN 100 ELSE c.price END AS quoted,
           CASE WHEN i.product_class = 'BOND' AND i.maturity <= %(day)s::date THEN i.currency
                ELSE c.currency END AS quoted_in,
           i.maturity <= %(day)s::date AS is_repaid, coalesce(e.earned, 0) AS interest,
           i.product_class = 'BOND' AND e.earned IS NULL AS is_unknown,
           was.price AS was_price, coalesce(was.interest, 0) AS was_interest, coalesce(split.factor, 1) AS split
    FROM needed n
    LEFT JOIN refdata_instrument i ON i.id = n.instrument_id
    LEFT JOIN LATERAL (
        SELECT c.date, c.price, c.currency FROM refdata_close_price c
        WHERE c.instrument_id = n.instrument_id AND c.date <= %(day)s::date ORDER BY c.date DESC LIMIT 1
    ) c ON true
    LEFT JOIN unnest(%(split_of)s::bigint[], %(split_since)s::date[], %(split_on)s::date[], %(split_by)s::numeric[])
        AS split(instrument_id, since, ex_date, factor)
        ON split.instrument_id = n.instrument_id AND c.date >= split.since AND c.date < split.ex_date
    LEFT JOIN profit_interest e ON e.instrument_id = n.instrument_id AND e.since = %(day)s::date
    LEFT JOIN ledger_profit_price was ON was.run_id = %(opening)s AND was.instrument_id = n.instrument_id
), judged AS (
    SELECT f.*, CASE WHEN NOT f.is_held THEN '' WHEN f.quoted IS NULL THEN 'MISSING'
               WHEN f.quoted_in <> f.currency THEN 'CURRENCY'
               WHEN f.date < coalesce(r.oldest, rest.oldest) AND f.is_repaid IS NOT TRUE THEN 'STALE'
               WHEN f.is_unknown THEN 'INTEREST' ELSE '' END AS flag
    FROM found f LEFT JOIN rule r ON r.code = f.product_class JOIN rule rest ON rest.code = '*'
)
SELECT instrument_id, currency, date, quoted, interest, was_price, was_interest, flag,
       CASE WHEN quoted_in = currency THEN quoted * factor * split
            WHEN NOT is_held THEN coalesce(was_price, 0) END AS price
FROM judged
"""
_RATE = """
INSERT INTO profit_price (instrument_id, currency, date, quoted, interest, was_price, was_interest, flag, price)
SELECT 0, n.currency, r.date, r.rate, 0, was.price, 0,
       CASE WHEN n.currency = %(base)s THEN '' WHEN r.rate IS NULL THEN 'MISSING'
            WHEN r.date < (SELECT t.oldest FROM unnest(%(codes)s::text[], %(oldest)s::date[]) AS t(code, oldest)
                           WHERE t.code = 'FX') THEN 'STALE' ELSE '' END,
       CASE WHEN n.currency = %(base)s THEN 1 ELSE r.rate END
FROM (SELECT DISTINCT currency FROM profit_needed) n
LEFT JOIN LATERAL (
    SELECT r.date, r.rate FROM refdata_fx_rate r WHERE r.currency = n.currency AND r.date <= %(day)s::date
    ORDER BY r.date DESC LIMIT 1
) r ON true
LEFT JOIN ledger_profit_price was ON was.run_id = %(opening)s AND was.instrument_id = 0 AND was.currency = n.currency
"""
_KEEP = """
INSERT INTO ledger_profit_price (run_id, instrument_id, currency, date, quoted, price, interest, flag)
SELECT %(run)s, instrument_id, currency, date, quoted, price, interest, flag FROM profit_price
ORDER BY instrument_id, currency
"""


def price_positions(parameters: dict[str, Any]) -> None:
    """Make `profit_price` and `profit_interest` for what a run has in `profit_delta` and what its opening held.

    Rows of `profit_price`: an instrument (price, interest and what they were in the opening run, all of one unit of
    quantity), or none (0) with the rate of a currency. `profit_interest`: what a unit of a bond had earned and accrued
    on the days from which its interest is ours.
    """
    day = parameters["day"]
    sql.run("DROP TABLE IF EXISTS profit_needed")
    sql.run(_NEEDED, parameters)
    sql.run(_INTEREST)
    sql.copy_rows("profit_interest", ("instrument_id", "since", "earned", "accrued"), _interest(day))
    oldest = oldest_dates(day)
    given = {**parameters, "codes": list(oldest), "oldest": list(oldest.values())}
    splits = split_factors(day)
    given |= {name: [each[n] for each in splits] for n, name in enumerate(_SPLIT)}
    sql.run(_PRICE, given)
    sql.run(_RATE, given)
    sql.run("ANALYZE profit_price; ANALYZE profit_interest")
    sql.run(_KEEP, parameters)


def oldest_dates(day: date) -> dict[str, date]:
    """Return how old a price or rate of a day may be, by the code of the valuation rule."""
    calendar = calendars_for(codes=[FIRM], first=day - timedelta(days=600), last=day)[FIRM]
    return {code: calendar.add_business_days(day, -n) if n else day for code, n in rule_days().items()}


def _interest(day: date) -> list[tuple[Any, ...]]:
    return [
        (instrument_id, on.isoformat(), earned(coupons, on) / _HUNDRED, _accrued(coupons, on) / _HUNDRED)
        for instrument_id, terms, since in sql.rows(_BONDS)
        for coupons in (_coupons.decode(terms),)
        for on in sorted({day, *_days(since)})
    ]


def _days(since: Iterable[date] | None) -> Iterable[date]:
    return since or ()


def _accrued(coupons: Coupons, on: date) -> Decimal:
    return accrual(coupons, on).amount(_HUNDRED, coupons.coupon_rate)
