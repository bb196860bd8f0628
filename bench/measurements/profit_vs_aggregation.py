"""A day's profit with its explanation, of trades in 10,000 positions, against one aggregation over the same trades."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bench.measurement import Samples, interleave
from bench.peers.profit import aggregate
from bench.product import Bench, Database

POSITIONS = 10_000
_VERSIONS = """
INSERT INTO trades_version (trade_id, version, recorded_at, effective_at, cause, product, source, source_ref, side,
    instrument_ref, instrument_id, counterparty_ref, counterparty_id, book_ref, book_id, trader, quantity, price,
    currency, gross_amount, net_amount, base_amount, trade_date, settlement_date, duplicate_key)
SELECT %(start)s + n, 1, now(), now(), 'NEW', 'EQUITY', 'PROFIT', 'P' || n,
       CASE n %% 3 WHEN 0 THEN 'SELL' ELSE 'BUY' END, i.code, i.id, c.code, c.id, b.code, b.id,
       'trader' || place.book %% 24, 1 + n %% 500, 100 + n %% 7, i.currency,
       (1 + n %% 500) * (100 + n %% 7), (1 + n %% 500) * (100 + n %% 7), 0,
       %(today)s::date - (n %% 2)::int, %(today)s::date + 2, hashint8(n)
FROM generate_series(1, %(count)s) AS n
CROSS JOIN LATERAL (
    SELECT (n %% %(positions)s) %% %(books)s AS book, (n %% %(positions)s) / %(books)s AS instrument
) place
JOIN instrument_list i ON i.number = place.instrument %% %(instruments)s
JOIN book_list b ON b.number = place.book
JOIN party_list c ON c.number = place.instrument / %(instruments)s
ORDER BY n
"""
_STATES = """
INSERT INTO trades_state (trade_id, version, checked_version, state, changed_at, changed_xid)
SELECT trade_id, 1, 1, 3, now(), pg_current_xact_id()::text::bigint FROM trades_version
"""
# What the positions make of these trades, as if each had opened a lot of its own.
_LOTS = (
    """
INSERT INTO ledger_lot_movement (book_id, instrument_id, currency, day, rank, moment, source_id, leg, version, kind,
    lot_trade_id, lot_leg, lot_version, lot_day, lot_moment, quantity, cost, value, gain)
SELECT v.book_id, v.instrument_id, v.currency, v.trade_date, 'T', 'epoch', v.trade_id, 0, 1, 'OPEN', v.trade_id, 0, 1,
       v.trade_date, 'epoch', side.sign * v.quantity, side.sign * v.gross_amount, side.sign * v.gross_amount, 0
FROM trades_version v CROSS JOIN LATERAL (SELECT CASE v.side WHEN 'BUY' THEN 1 ELSE -1 END AS sign) side
ORDER BY v.trade_id
""",
    """
INSERT INTO ledger_lots_told (book_id, instrument_id, day, xid)
SELECT DISTINCT book_id, instrument_id, trade_date, pg_current_xact_id()::text::bigint FROM trades_version
""",
)
_LISTS = (
    "CREATE TEMPORARY TABLE instrument_list AS SELECT id, code, currency, row_number() OVER (ORDER BY id) - 1 AS number"
    " FROM refdata_instrument WHERE product_class = 'EQUITY'",
    "CREATE TEMPORARY TABLE party_list AS SELECT id, code, row_number() OVER (ORDER BY id) - 1 AS number"
    " FROM refdata_party",
    "CREATE TEMPORARY TABLE book_list AS SELECT id, code, row_number() OVER (ORDER BY id) - 1 AS number"
    " FROM refdata_book",
    "INSERT INTO refdata_close_price (instrument_id, date, price, currency) SELECT id, %(today)s::date, 104, currency"
    " FROM instrument_list ON CONFLICT (instrument_id, date) DO UPDATE SET price = 104",
)
_TOLD = """
SELECT count(*), sum(quantity), sum(total) = sum(new_trades + amendments + market + fx + carry + fees + unexplained),
       count(*) FILTER (WHERE unexplained <> 0)
       + (SELECT count(*) FROM ledger_profit_gain WHERE run_id = %s AND difference <> 0)
FROM ledger_profit_line WHERE run_id = %s
"""


def measure(bench: Bench) -> Samples:
    """Tell a day that everything was dealt in or came in, then add up what all of it holds, in turns."""
    database, count = bench.database("profit"), bench.size(1_000_000, 100_000)
    with bench.using(database):
        from core.audit import system
        from core.clock import utc_now
        from ledger.models import ProfitRun
        from ledger.services.profit_run import tell_profit

        def told(days_ago: int, kind: Any) -> int:
            day = bench.reference.today - timedelta(days=days_ago)
            return tell_profit(day=day, kind=kind, now=utc_now(), actor=system("bench"))

        told(2, ProfitRun.Kind.CLOSE)
        add_trades(bench, database, count)
        positions, held = aggregate(database)

        def tell() -> float:
            started = time.perf_counter()
            run_id = told(0, ProfitRun.Kind.INTRADAY)
            seconds = time.perf_counter() - started
            lines, quantity, adds_up, unexplained = database.row(_TOLD, [run_id, run_id])
            assert (lines, quantity, adds_up, unexplained) == (positions, Decimal(held), True, 0)
            return seconds

        def add_up() -> float:
            started = time.perf_counter()
            assert aggregate(database) == (positions, held)
            return time.perf_counter() - started

        samples = interleave(this=tell, against=add_up, rounds=bench.rounds)
    samples.notes.append(f"{count:,} trades in {positions:,} positions.")
    return samples


def add_trades(bench: Bench, database: Database, count: int) -> None:
    """Put trades of today and yesterday into a database, spread evenly over the positions."""
    connection = database.connect()
    cursor = connection.cursor()
    cursor.execute("SET synchronous_commit = off")  # of the making, not of what is measured
    today = {"today": bench.reference.today}
    for statement in _LISTS:
        cursor.execute(statement, today)
    cursor.execute("SELECT (SELECT count(*) FROM instrument_list), (SELECT count(*) FROM book_list)")
    instruments, books = cursor.fetchone()
    cursor.execute("SELECT nextval('trades_trade_id')")
    start = cursor.fetchone()[0]
    sizes = {
        "start": start,
        "count": count,
        "instruments": instruments,
        "books": books,
        "positions": POSITIONS,
    }
    cursor.execute(_VERSIONS, {**today, **sizes})
    cursor.execute(_STATES)
    for statement in _LOTS:
        cursor.execute(statement)
    cursor.execute("SELECT setval('trades_trade_id', %s)", [start + count])
    connection.close()
    database.settle()
