"""Years of trades, made by the server itself: what the tables look like after 250 business days."""

from __future__ import annotations

from bench.product import Bench, Database

BUSINESS_DAYS = 250
STEP = 250_000  # trades of one statement
OPEN = 5_000  # the latest trades stand anywhere on their way, all others are settled
WORK_MEMORY = "256MB"
_MAINTENANCE = f"SET maintenance_work_mem = '{WORK_MEMORY}'"

_VERSIONS = """
INSERT INTO trades_version (trade_id, version, recorded_at, effective_at, cause, product, source, source_ref, side,
    instrument_ref, instrument_id, counterparty_ref, counterparty_id, book_ref, book_id, trader, quantity, price,
    currency, gross_amount, net_amount, base_amount, trade_date, settlement_date, executed_at, duplicate_key)
SELECT n, 1, d.day + time '14:00', d.day + time '14:00', 'NEW', 'EQUITY', 'HISTORY', 'H' || lpad(n::text, 9, '0'),
       CASE n % 2 WHEN 0 THEN 'BUY' ELSE 'SELL' END, i.code, i.id, p.code, p.id, b.code, b.id,
       'trader' || n % 24, 1 + (hashint8(n) & 8191), 1 + (hashint8(n + 7) & 65535) / 100.0, i.currency,
       (1 + (hashint8(n) & 8191)) * (1 + (hashint8(n + 7) & 65535) / 100.0),
       (1 + (hashint8(n) & 8191)) * (1 + (hashint8(n + 7) & 65535) / 100.0),
       (1 + (hashint8(n) & 8191)) * (1 + (hashint8(n + 7) & 65535) / 100.0),
       d.day, d.day + 2, d.day + time '14:00', hashint8(n * 31)
FROM generate_series({first}, {last}) AS n
CROSS JOIN LATERAL (SELECT days[1 + ((n - {start}) * {days} / {count})::int] AS day FROM day_list) d
JOIN instrument_list i ON i.number = hashint8(n + 3) & 255
JOIN party_list p ON p.number = abs(hashint8(n + 5) % {parties})
JOIN book_list b ON b.number = abs(hashint8(n + 11) % {books})
ORDER BY n
"""
_STATES = """
INSERT INTO trades_state (trade_id, version, checked_version, state, changed_at, changed_xid)
SELECT n, 1, 1, CASE WHEN n < {start} + {count} - {open} THEN 7 ELSE 3 + abs(hashint8(n) % 4) END, now(),
       pg_current_xact_id()::text::bigint
FROM generate_series({first}, {last}) AS n
"""
_EVENTS = """
INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason)
SELECT now(), pg_current_xact_id()::text::bigint, t.type, 'trade', n, 1, 'system:history', '', ''
FROM generate_series({first}, {last}) AS n, (VALUES (1, 'trade.captured'), (2, 'trade.validated')) AS t(o, type)
ORDER BY o, n
"""
# One trade of a hundred was held once; of the latest, which stand on their way, one in ten still is. One deadline in
# four is past.
_EXCEPTIONS = """
INSERT INTO trades_exception (kind, trade_id, subject_id, codes, summary, amount_at_risk, deadline, opened_at,
    closed_at, closed_by, resolution, causes, waits)
SELECT 'FINDING', n, n, ARRAY[(ARRAY['PRICE_TOLERANCE', 'SSI_MISSING', 'SIZE_UNUSUAL'])[1 + n % 3]], 'held in the past',
       1 + (hashint8(n) & 8191),
       v.recorded_at + CASE n % 4 WHEN 0 THEN interval '1 hour' ELSE interval '900 days' END,
       v.recorded_at, CASE WHEN ended THEN v.recorded_at + interval '1 hour' END,
       CASE WHEN ended THEN 'user:history' ELSE '' END, CASE WHEN ended THEN 'repaired' ELSE '' END, '{{}}', '{{}}'
FROM generate_series({first}, {last}) AS n
JOIN trades_version v ON v.trade_id = n
CROSS JOIN LATERAL (SELECT n < {start} + {count} - {open} AS ended) AS state
WHERE n % CASE WHEN ended THEN 100 ELSE 10 END = 0
"""
_LISTS = (
    "CREATE TEMPORARY TABLE instrument_list AS SELECT id, code, currency, row_number() OVER (ORDER BY id) - 1 AS number"
    " FROM refdata_instrument WHERE product_class = 'EQUITY'",
    "CREATE TEMPORARY TABLE party_list AS SELECT id, code, row_number() OVER (ORDER BY id) - 1 AS number"
    " FROM refdata_party WHERE role = 'COUNTERPARTY'",
    "CREATE TEMPORARY TABLE book_list AS SELECT id, code, row_number() OVER (ORDER BY id) - 1 AS number"
    " FROM refdata_book",
    "CREATE TEMPORARY TABLE day_list AS SELECT array_agg(day::date ORDER BY day) AS days FROM ("
    " SELECT day FROM generate_series(%(today)s::date - 500, %(today)s::date - 1, interval '1 day') AS day"
    " WHERE extract(isodow FROM day) < 6 ORDER BY day DESC LIMIT %(days)s) AS business",
    "ANALYZE instrument_list", "ANALYZE party_list", "ANALYZE book_list",
)  # fmt: skip


def add_history(bench: Bench, database: Database, count: int, *, exceptions: bool = False) -> None:
    """Put `count` trades of the past into a database, with the exceptions of some if asked; analysed and vacuumed."""
    connection = database.connect()
    cursor = connection.cursor()
    cursor.execute(_MAINTENANCE)
    cursor.execute("SET synchronous_commit = off")  # of the making, not of what is measured
    for statement in _LISTS:
        cursor.execute(statement, {"today": bench.reference.today, "days": BUSINESS_DAYS})
    cursor.execute("SELECT (SELECT count(*) FROM party_list), (SELECT count(*) FROM book_list)")
    parties, books = cursor.fetchone()
    cursor.execute("SELECT nextval('trades_trade_id')")
    start = cursor.fetchone()[0]
    sizes = {
        "start": start,
        "count": count,
        "open": OPEN,
        "days": BUSINESS_DAYS,
        "parties": parties,
        "books": books,
    }
    for first in range(start, start + count, STEP):
        last = min(first + STEP, start + count) - 1
        for statement in (_VERSIONS, _STATES, _EVENTS, *([_EXCEPTIONS] if exceptions else [])):
            cursor.execute(statement.format(first=first, last=last, **sizes))
    cursor.execute("SELECT setval('trades_trade_id', %s)", [start + count])
    cursor.execute("SELECT count(*) FROM trades_state")
    made = cursor.fetchone()[0]
    assert made == count, f"{made} trades of history, not {count}"
    connection.close()
    database.settle()
