"""The journal follows positions, lots, charges and closing prices: what rules make of these now is posted, what holds
no longer is reversed.

Whatever changes the positions, lots or charges of a trade, or tells a day of profit, notes it as due, by trigger, in
its own transaction, so nothing is missed. What is posted depends on where these stand alone: to do it twice changes
nothing. See docs/adr/0065.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import transaction

from core import sql
from core.sides import side
from ledger.models import Source
from ledger.rules import RULES
from ledger.rules.base import COLUMNS
from ledger.services.entries import STANDING
from ledger.services.halving import halving
from trades.products import PRODUCTS

TASK = "ledger.post_journal"
STEP = 2_000  # trades and actions of one transaction

_MADE = "INSERT INTO ledger_journal_mark (one) VALUES (true) ON CONFLICT (one) DO NOTHING"
_LOCK = "SELECT one FROM ledger_journal_mark FOR UPDATE"
# Each change has a row of its own, so that none is taken for one that was there before.
# A run is a whole day of gains: one at a time, and no trade waits behind many.
_TAKE_DUE = """
DELETE FROM ledger_journal_due WHERE id IN (
    (SELECT id FROM ledger_journal_due WHERE source <> 'P' ORDER BY id LIMIT %s)
    UNION ALL
    SELECT id FROM ledger_journal_due WHERE source = 'P' AND source_id = (
        SELECT source_id FROM ledger_journal_due WHERE source = 'P' ORDER BY id LIMIT 1)
)
RETURNING source, source_id
"""
_MOST_AT_CLOSING = 10_000
_WAITING = "SELECT count(*) FROM (SELECT FROM ledger_journal_due LIMIT %s) w"
_KEY = "source, source_id, rule, entity_id, book_id, currency, effective_date"
_LINE = "account, instrument_id, leg, price, lot_trade_id, lot_leg"
# Products whose charges in the currency of the deal, where they are stated, are part of what is paid with it.
_PAID_WITH = ", ".join(
    f"'{product.code}'"
    for product in PRODUCTS.values()
    if product.fees_on_top
    or any(leg.is_held and not leg.per_line and leg.kind != "CASH" for leg in product.legs)
)
# Of the runs of a day the last one counts that tells its end, or where the first day began.
LAST_OF_ITS_DAY = """r.kind <> 'INTRADAY' AND NOT EXISTS (
        SELECT FROM ledger_profit_run o WHERE o.day = r.day AND o.number > r.number AND o.kind <> 'INTRADAY')"""
_HELD = """
e.version, e.leg, e.basis, e.book_id, e.instrument_id, e.currency, e.quantity, e.amount, e.fees, e.effective_date
"""
_BASE = f"""
WITH sources AS MATERIALIZED (
    SELECT * FROM unnest(%(sources)s::text[], %(ids)s::bigint[]) AS s(source, source_id)
), held AS MATERIALIZED (
    SELECT s.source, s.source_id, {_HELD}, v.product, v.side, v.price
    FROM sources s JOIN ledger_position_entry e ON e.trade_id = s.source_id
    JOIN trades_version v ON v.trade_id = e.trade_id AND v.version = e.version
    WHERE s.source = 'T' AND {STANDING}
    UNION ALL
    SELECT s.source, s.source_id, {_HELD}, NULL, NULL, NULL
    FROM sources s JOIN ledger_position_entry e ON e.action_id = s.source_id
    WHERE s.source = 'A' AND {STANDING}
), moved AS MATERIALIZED (
    SELECT s.source, s.source_id, m.version, m.leg, m.book_id, m.instrument_id, m.currency, m.day, m.kind,
           m.lot_trade_id, m.lot_leg, m.quantity, m.cost, m.value, m.gain, v.product, v.price
    FROM sources s JOIN ledger_lot_movement m ON m.source_id = s.source_id AND m.rank = s.source
    LEFT JOIN trades_version v ON s.source = 'T' AND v.trade_id = m.source_id AND v.version = m.version
), charged AS MATERIALIZED (
    SELECT 'T' AS source, c.trade_id AS source_id, c.version, v.book_id, c.currency, v.trade_date AS effective_date,
           v.product, c.type, c.amount, is_paid
    FROM ({{charges}}) c JOIN trades_state t ON t.trade_id = c.trade_id
    JOIN trades_version v ON v.trade_id = t.trade_id AND v.version = t.version
    CROSS JOIN LATERAL (SELECT c.is_stated AND c.currency = v.currency AND v.product IN ({_PAID_WITH}) AS is_paid) w
), valued AS MATERIALIZED (
    SELECT s.source, s.source_id, r.number AS version, g.book_id, g.currency, told.effective_date, g.instrument_id,
           p.quoted AS price, told.sign * (g.worth - g.cost) AS amount
    FROM sources s
    JOIN ledger_profit_run r ON s.source = 'P' AND r.id = s.source_id AND {LAST_OF_ITS_DAY}
    CROSS JOIN LATERAL (
        SELECT r.day AS effective_date, 1 AS sign
        UNION ALL
        SELECT min(n.day), -1 FROM ledger_profit_run n WHERE n.day > r.day AND n.kind <> 'INTRADAY' HAVING count(*) > 0
    ) told
    JOIN ledger_profit_gain g ON g.run_id = r.id AND g.book_id > 0 AND g.instrument_id > 0
    LEFT JOIN ledger_profit_price p ON p.run_id = r.id AND p.instrument_id = g.instrument_id
), made AS MATERIALIZED (
    {{rules}}
), wanted AS MATERIALIZED (
    SELECT {_KEY}, rule_version, max(version) AS version, {_LINE}, sum(amount) AS amount
    FROM made JOIN (SELECT id AS book_id, entity_id FROM refdata_book) k USING (book_id)
    GROUP BY {_KEY}, rule_version, {_LINE} HAVING sum(amount) <> 0
), standing AS MATERIALIZED (
    SELECT j.* FROM sources s JOIN ledger_journal j USING (source, source_id)
    WHERE j.reverses IS NULL AND NOT EXISTS (SELECT FROM ledger_journal r WHERE r.reverses = j.id)
), kept AS MATERIALIZED (
    SELECT {_KEY}, rule_version, {_LINE}, sum(p.debit - p.credit) AS amount
    FROM standing j JOIN ledger_posting p ON p.entry_id = j.id
    GROUP BY {_KEY}, rule_version, {_LINE}
), said AS (
    SELECT {_KEY}, rule_version, {_LINE}, amount, 1 AS side FROM wanted
    UNION ALL
    SELECT {_KEY}, rule_version, {_LINE}, amount, -1 FROM kept
), unlike AS (
    SELECT DISTINCT {_KEY} FROM said GROUP BY {_KEY}, rule_version, {_LINE}, amount HAVING sum(side) <> 0
)
"""
_OPEN_FROM = """
greatest(effective_date, (SELECT max(closed_through) + 1 FROM ledger_period_closing c WHERE c.entity_id = u.entity_id))
"""
_POST = f"""
, taken_back AS (
    INSERT INTO ledger_journal ({_KEY}, version, rule_version, posting_date, turn, reverses, recorded_at)
    SELECT {_KEY}, u.version, u.rule_version, greatest(u.posting_date, {_OPEN_FROM}), u.turn, u.id, %(at)s
    FROM standing u JOIN unlike USING ({_KEY}) ORDER BY u.id
    RETURNING *
), entered AS (
    INSERT INTO ledger_journal ({_KEY}, version, rule_version, posting_date, turn, recorded_at)
    SELECT {_KEY}, max(u.version), u.rule_version, {_OPEN_FROM},
           1 + (SELECT count(*) FROM ledger_journal b WHERE ({", ".join(f"b.{each}" for each in _KEY.split(", "))})
                    = ({", ".join(f"u.{each}" for each in _KEY.split(", "))}) AND b.reverses IS NULL), %(at)s
    FROM wanted u JOIN unlike USING ({_KEY}) GROUP BY {_KEY}, u.rule_version ORDER BY {_KEY}
    RETURNING *
), posted AS (
    INSERT INTO ledger_posting (entry_id, {_LINE}, debit, credit)
    SELECT t.id AS entry_id, {_LINE}, p.credit, p.debit
    FROM taken_back t JOIN ledger_posting p ON p.entry_id = t.reverses
    UNION ALL
    SELECT e.id, {_LINE}, greatest(w.amount, 0), greatest(-w.amount, 0) FROM entered e JOIN wanted w USING ({_KEY})
    ORDER BY entry_id, leg, account, lot_trade_id, lot_leg
    RETURNING 1
)
SELECT count(*) FROM taken_back UNION ALL SELECT count(*) FROM entered UNION ALL SELECT count(*) FROM posted
"""


@cache
def _made() -> str:
    made = "\nUNION ALL\n".join(
        f"SELECT '{code}' AS rule, {rule.version} AS rule_version, {COLUMNS} FROM ({rule.lines}) {code.lower()}"
        for code, rule in RULES.items()
    )
    return _BASE.format(rules=made, charges=side("charges").query)


def lock_journal() -> None:
    """Lock the journal for the caller's transaction: the one place that does. After positions, where both are."""
    sql.run(_MADE)
    sql.run(_LOCK)


def post_due(*, now: datetime, step: int = STEP) -> int:
    """Post what up to `step` changes of positions, lots and charges come to; return how many were looked at.

    One does at a time: none are looked at while another does.
    """
    with transaction.atomic():
        sql.run(_MADE)
        return _post_some(now, step) if sql.row(f"{_LOCK} SKIP LOCKED") else 0


def catch_up(*, now: datetime) -> bool:
    """Post all that is due, in the caller's transaction, which has locked the journal; False where that is too much
    to wait for, and nothing is posted."""
    ((waiting,),) = sql.rows(_WAITING, [_MOST_AT_CLOSING + 1])
    if waiting > _MOST_AT_CLOSING:
        return False
    while _post_some(now, STEP):
        pass
    return True


def _post_some(now: datetime, step: int) -> int:
    due = sql.rows(_TAKE_DUE, [step])
    if due:
        halving(sorted(set(due)), partial(_post, now=now), told="what %s comes to cannot be posted: %s")
    return len(due)


def _post(sources: Sequence[tuple[Any, ...]], *, now: datetime) -> None:
    """Bring the journal to what trades (`T`), actions (`A`) and runs (`P`) come to, in the caller's transaction, which
    has locked it."""
    places: dict[str, Any] = {
        "sources": [source for source, _ in sources],
        "ids": [source_id for _, source_id in sources],
        "trades": [source_id for source, source_id in sources if source == Source.TRADE.value],
    }
    sql.rows(_made() + _POST, {**places, "at": now})
