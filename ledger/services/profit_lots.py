"""What stands in the lots as a run is told: of the positions that were told again since the run before, and the rest.

The lots follow the trades by themselves (ledger/services/posting.py). What they say is read in the statement that also
takes the snapshot of the run, so that they are never ahead of the trades that the run knows.
"""

from __future__ import annotations

from typing import Any

from core import sql
from ledger.lots import Kind, Rank

GAIN_KEY = "book_id, product, instrument_id, currency, trader, counterparty_id"
_STATE = "quantity, cost, realised_to_date"

# A position is read from where its lots have been told again; what stands before is what the run before had.
_LOTS = f"""
CREATE TEMPORARY TABLE profit_lots ON COMMIT DROP AS
WITH told AS (
    SELECT book_id, instrument_id, min(day) AS first FROM ledger_lots_told t
    WHERE %(gained)s::bigint IS NULL
       OR t.xid >= %(was_below)s AND NOT pg_visible_in_snapshot(t.xid::text::xid8, %(was_seen)s::pg_snapshot)
    GROUP BY 1, 2
    UNION ALL
    SELECT book_id, instrument_id, %(day)s::date FROM ledger_profit_line
    WHERE run_id = %(gained)s AND starts_on <= %(day)s::date AND instrument_id > 0
    UNION ALL
    SELECT t.book_id, t.instrument_id, %(day)s::date FROM ledger_lots_told t
    JOIN ledger_corporate_action_version a ON a.instrument_id = t.instrument_id
    WHERE a.ex_date > %(opened)s::date AND a.ex_date <= %(day)s::date AND %(gained)s::bigint IS NOT NULL
), touched AS MATERIALIZED (
    SELECT book_id, instrument_id, CASE WHEN %(gained)s::bigint IS NULL OR min(first) <= %(opened)s::date
                                        THEN '0001-01-01'::date ELSE %(opened)s::date END AS after
    FROM told GROUP BY 1, 2
), moved AS NOT MATERIALIZED (
    SELECT m.* FROM touched t
    JOIN ledger_lot_movement m ON m.book_id = t.book_id AND m.instrument_id = t.instrument_id
    WHERE m.day > t.after AND m.day <= %(day)s::date
), by_deal AS MATERIALIZED (
    SELECT e.book_id, v.product, e.instrument_id, e.currency, v.trader,
           coalesce(v.counterparty_id, 0) AS counterparty_id,
           sum(e.quantity) AS quantity, sum(e.cost) AS cost, sum(e.gain) AS gain
    FROM (
        SELECT CASE rank WHEN '{Rank.TRADE.value}' THEN source_id ELSE lot_trade_id END AS trade_id,
               CASE rank WHEN '{Rank.TRADE.value}' THEN version ELSE lot_version END AS version,
               book_id, instrument_id, currency, 0 AS quantity, 0 AS cost, gain
        FROM moved WHERE kind = '{Kind.CLOSE.value}'
        UNION ALL
        SELECT lot_trade_id, lot_version, book_id, instrument_id, currency, quantity, cost, 0
        FROM moved WHERE kind <> '{Kind.REFUSED.value}'
    ) AS e JOIN trades_version v USING (trade_id, version)
    GROUP BY 1, 2, 3, 4, 5, 6
), standing AS (
    SELECT g.book_id, g.product, g.instrument_id, g.currency, g.trader, g.counterparty_id, {_STATE}
    FROM ledger_profit_gain g LEFT JOIN touched t ON t.book_id = g.book_id AND t.instrument_id = g.instrument_id
    WHERE g.run_id = %(gained)s AND (t.after IS NULL OR t.after = %(opened)s::date)
      AND (quantity <> 0 OR cost <> 0 OR realised_to_date <> 0)
), lots AS (
    SELECT {GAIN_KEY}, sum(quantity) AS quantity, sum(cost) AS cost, sum(realised_to_date) AS realised_to_date
    FROM (
        SELECT b.book_id, b.product, b.instrument_id, coalesce(i.currency, b.currency) AS currency, b.trader,
               b.counterparty_id, b.quantity, 0 AS cost, 0 AS realised_to_date
        FROM by_deal b LEFT JOIN refdata_instrument i ON i.id = b.instrument_id
        UNION ALL
        SELECT book_id, product, instrument_id, currency, trader, counterparty_id, 0, cost, gain FROM by_deal
        UNION ALL SELECT * FROM standing
    ) AS each GROUP BY {GAIN_KEY}
)
SELECT pg_current_snapshot()::text AS seen, l.* FROM (SELECT) AS once LEFT JOIN lots l ON true
"""

# Then to read everything once is cheaper than to look up each.
_MOST_ARE_NEW = "SELECT last_value - %(was_last)s > last_value / 10 FROM trades_trade_id"


def read_lots(parameters: dict[str, Any]) -> str:
    """Make `profit_lots` and return PostgreSQL's snapshot of the moment at which it was read.

    Rows: the columns of GAIN_KEY, with the quantity and cost of the open lots and what all others have realised; one of
    nulls where there are none. Parameters: `day`, `opened`, `was_seen`, `was_below`, `was_last`, and `gained` (the run
    that says what stood at the end of `opened`; None: everything is read).
    """
    sql.run("DROP TABLE IF EXISTS profit_lots")
    sql.run("SET LOCAL enable_sort = off")  # lots are thought to be many, and would be sorted by texts
    if sql.rows(_MOST_ARE_NEW, parameters)[0][0]:  # which PostgreSQL cannot know of what it has not read yet
        sql.run("SET LOCAL enable_nestloop = off")
    sql.run(_LOTS, parameters)
    sql.run("SET LOCAL enable_sort TO DEFAULT; SET LOCAL enable_nestloop TO DEFAULT")
    sql.run("ANALYZE profit_lots")
    return str(sql.rows("SELECT seen FROM profit_lots LIMIT 1")[0][0])
