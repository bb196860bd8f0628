"""What settlements that failed cost, accrued for each business day: told again each night, so that what was missed is
made good and what has changed since is reversed and told anew."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from core import sql
from core.clock import business_date, day_begins
from core.money import round_money_sql
from settlement.moves.instructions import COUNTERPARTY_FAILS
from settlement.penalties import CALENDAR

AT_ONCE = 500
PRICE_DAYS_MAX = 30  # a close that is older says nothing of the day
ENDED_DAYS = 90  # so long after it settled or was cancelled, what a fail has cost is still corrected
OUR_FAILS = ("LACK", "MONY")  # ISO 20022: our securities, our money are lacking

# A fail is what the back office has said of: an instruction of which nothing is said may have settled.
_PORTION = """
SELECT DISTINCT r.instruction_id
FROM settlement_status_report r JOIN settlement_instruction_state s ON s.instruction_id = r.instruction_id
WHERE r.kind IN ('FAILED', 'PARTIAL') AND r.instruction_id > %(after)s AND s.processing <> 'REJECTED'
  AND (s.settlement NOT IN ('SETTLED', 'CANCELLED') OR s.changed_at >= %(since)s)
ORDER BY r.instruction_id LIMIT %(limit)s
"""
# Of delivery versus payment the delivery is charged, unless only the payment is said to fail.
_LOOKED = f"""
looked AS MATERIALIZED (
    SELECT i.id, i.direction, i.quantity, i.value_date, i.asset_kind = 'CASH' AS is_cash, n.id AS instrument_id,
           CASE i.asset_kind WHEN 'CASH' THEN 'CASH' ELSE n.product_class END AS asset_class,
           coalesce(n.liquidity_class, '') AS liquidity,
           CASE i.asset_kind WHEN 'CASH' THEN i.asset ELSE coalesce(n.currency, '') END AS currency,
           n.multiplier * CASE n.price_basis WHEN 'PERCENT' THEN 0.01 ELSE 1 END AS factor, {CALENDAR} AS calendar
    FROM settlement_instruction i
    LEFT JOIN refdata_instrument n ON i.asset_kind <> 'CASH' AND n.code = i.asset
    WHERE i.id = ANY(%(ids)s::bigint[]) AND i.direction <> 'NIL' AND i.cancels IS NULL
      AND NOT (i.asset_kind = 'CASH' AND EXISTS (
          SELECT FROM settlement_status_report r
          WHERE r.instruction_id = i.linked_id AND r.kind IN ('FAILED', 'PARTIAL')))
)"""
# Each business day that ended, in the operator's zone, before the whole had settled. Who pays stands in the last reason
# by then that says so, else in the first one after it, else in the direction.
_FAILED = """
failed AS (
    SELECT l.*, d.day::date AS day, l.quantity - s.settled AS remaining,
           CASE coalesce(t.ours, l.direction = 'DELIVER') WHEN true THEN 'US' ELSE 'COUNTERPARTY' END AS payer
    FROM looked l
    CROSS JOIN generate_series(l.value_date::timestamp, %(last)s::timestamp, interval '1 day') AS d(day)
    CROSS JOIN LATERAL (SELECT (d.day + interval '1 day') AT TIME ZONE %(zone)s AS at) AS ends
    CROSS JOIN LATERAL (
        SELECT coalesce(max(CASE r.kind WHEN 'PARTIAL' THEN r.quantity ELSE l.quantity END), 0) AS settled
        FROM settlement_status_report r WHERE r.instruction_id = l.id AND r.reported_at < ends.at
          AND r.kind IN ('PARTIAL', 'SETTLED', 'CANCELLED', 'CANCELLATION_COMPLETED')
    ) s
    LEFT JOIN LATERAL (
        SELECT r.reason = ANY(%(ours)s::text[]) AS ours FROM settlement_status_report r
        WHERE r.instruction_id = l.id AND r.kind IN ('FAILED', 'PARTIAL')
          AND r.reason = ANY(%(ours)s::text[] || %(theirs)s::text[])
        ORDER BY r.reported_at >= ends.at, abs(extract(epoch FROM r.reported_at - ends.at)), r.id DESC LIMIT 1
    ) t ON true
    WHERE s.settled < l.quantity AND refdata_open(d.day::date, ARRAY[l.calendar])
)"""
_AMOUNT = round_money_sql(
    "f.remaining * coalesce(c.price, 1) * r.basis_points * 0.0001", "coalesce(c.currency, f.currency)"
)
_WANTED = f"""
wanted AS MATERIALIZED (
    SELECT f.id AS instruction_id, f.day, r.id AS rate_id, r.basis_points, c.price, c.date AS price_date,
           f.remaining AS quantity, coalesce(c.currency, f.currency) AS currency, f.payer,
           CASE WHEN r.id IS NULL THEN 'NO_RATE' WHEN NOT f.is_cash AND c.price IS NULL THEN 'NO_PRICE' ELSE '' END
               AS gap,
           CASE WHEN f.is_cash OR c.price IS NOT NULL
                THEN CASE f.payer WHEN 'US' THEN -1 ELSE 1 END * {_AMOUNT} END AS amount
    FROM failed f
    LEFT JOIN LATERAL (
        SELECT p.id, p.basis_points FROM refdata_penalty_rate p
        WHERE p.asset_class = f.asset_class AND p.liquidity IN ('*', f.liquidity)
          AND p.currency IN ('*', f.currency)
          AND f.day >= p.valid_from AND (p.valid_to IS NULL OR f.day <= p.valid_to)
        ORDER BY p.liquidity = '*', p.currency = '*' LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT round(p.price * f.factor, 20) AS price, p.currency, p.date FROM refdata_close_price p
        WHERE p.instrument_id = f.instrument_id AND p.date BETWEEN f.day - {PRICE_DAYS_MAX} AND f.day
        ORDER BY p.date DESC LIMIT 1
    ) c ON true
)"""
_TOLD = "rate_id, basis_points, price, price_date, quantity, currency, amount, payer, gap"
_WRITE = f"""
WITH {_LOOKED}, {_FAILED}, {_WANTED}, told AS MATERIALIZED (
    SELECT p.* FROM settlement_penalty p
    WHERE p.instruction_id = ANY(%(ids)s::bigint[]) AND p.reverses IS NULL
      AND NOT EXISTS (SELECT FROM settlement_penalty x WHERE x.reverses = p.id)
), kept AS (
    SELECT instruction_id, day, {_TOLD} FROM told INTERSECT SELECT instruction_id, day, {_TOLD} FROM wanted
), undone AS (
    INSERT INTO settlement_penalty (instruction_id, day, number, {_TOLD}, reverses, recorded_at)
    SELECT t.instruction_id, t.day, t.number, t.rate_id, t.basis_points, t.price, t.price_date, t.quantity, t.currency,
           -t.amount, t.payer, t.gap, t.id, %(now)s
    FROM told t LEFT JOIN kept k USING (instruction_id, day) WHERE k.day IS NULL
    ORDER BY t.instruction_id, t.day
    RETURNING 1
), added AS (
    INSERT INTO settlement_penalty (instruction_id, day, number, {_TOLD}, recorded_at)
    SELECT w.instruction_id, w.day,
           1 + (SELECT count(*) FROM settlement_penalty p
                WHERE p.instruction_id = w.instruction_id AND p.day = w.day AND p.reverses IS NULL),
           w.rate_id, w.basis_points, w.price, w.price_date, w.quantity, w.currency, w.amount, w.payer, w.gap, %(now)s
    FROM wanted w LEFT JOIN kept k USING (instruction_id, day) WHERE k.day IS NULL
    ORDER BY w.instruction_id, w.day
    RETURNING 1
)
SELECT (SELECT count(*) FROM undone) + (SELECT count(*) FROM added)
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('settlement/penalties', 0))"


def accrue_penalties(*, now: datetime) -> int:
    """Tell what fails have cost for every business day that has ended; return how many rows that took.

    May run twice, or twice at once: what is told already stays. A day that was missed is told now; one whose reports,
    rates or prices have changed since is reversed and told anew. Works in portions, each in its own transaction.
    """
    last = business_date(now) - timedelta(days=1)
    since = day_begins(last - timedelta(days=ENDED_DAYS))
    written = after = 0
    while portion := sql.rows(_PORTION, {"after": after, "since": since, "limit": AT_ONCE}):
        after = portion[-1][0]
        with transaction.atomic():
            sql.run(_LOCK)
            ((count,),) = sql.rows(
                _WRITE,
                {
                    "ids": [each for (each,) in portion],
                    "last": last,
                    "zone": settings.BUSINESS_TIME_ZONE,
                    "ours": list(OUR_FAILS),
                    "theirs": list(COUNTERPARTY_FAILS),
                    "now": now,
                },
            )
        written += count
    return written
