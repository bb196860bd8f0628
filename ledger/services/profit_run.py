"""A day's profit and loss, told from what the day before ended with and from what came and went since.

Wealth is what is held at the close, and all that was paid and received for it. What a day came to is the wealth at its
end less that at the end of the day before. It is explained line by line: what the versions of trades that came or
went are worth at the close, and what prices, interest and rates did to all the rest. See docs/adr/0060.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem
from ledger.models import ProfitRun
from ledger.selectors.profit_pieces import KEY, moved_sql, pieces_sql
from ledger.services.posting import follow_trades
from ledger.services.profit_actions import add_actions
from ledger.services.profit_charges import add_charges
from ledger.services.profit_gains import begin_gains, tell_gains
from ledger.services.profit_lines import LINES, PARTED
from ledger.services.profit_lots import read_lots
from ledger.services.profit_prices import price_positions
from refdata.calendars import FIRM, calendars_for

EVENT = "profit.told"
SUBJECT = "profit-run"
_BELOW = "SELECT pg_snapshot_xmin(%s::pg_snapshot)::text::bigint"
_LAST_TRADE = (
    "SELECT last_value FROM trades_trade_id"  # after the snapshot: no trade that it knows has a higher number
)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('ledger_profit', 0))"
_OPENING = """
SELECT id, day, seen, pg_snapshot_xmin(seen::pg_snapshot)::text::bigint, last_trade_id FROM ledger_profit_run
WHERE day < %s AND kind <> 'INTRADAY' ORDER BY day DESC, number DESC LIMIT 1
"""
_LAST = """
SELECT kind, as_at, pg_snapshot_xmin(seen::pg_snapshot)::text::bigint FROM ledger_profit_run
WHERE day = %s AND kind <> 'OPENING' ORDER BY number DESC LIMIT 1
"""
_MOVED = f"SELECT FROM trades_state WHERE changed_xid >= %s AND changed_xid < {sql.OLDEST_OPEN} LIMIT 1"
_PRICES_WITHIN = timedelta(minutes=10)  # prices and rates that come during the day are in the figures by then
_FORGET = (
    "DELETE FROM ledger_profit_line l USING ledger_profit_run r"
    " WHERE l.run_id = r.id AND r.day = %(day)s AND r.kind = 'INTRADAY'",
    "DELETE FROM ledger_profit_price l USING ledger_profit_run r"
    " WHERE l.run_id = r.id AND r.day = %(day)s AND r.kind = 'INTRADAY'",
    "DELETE FROM ledger_profit_gain l USING ledger_profit_run r"
    " WHERE l.run_id = r.id AND r.day = %(day)s AND r.kind = 'INTRADAY'",
    "DELETE FROM ledger_profit_run WHERE day = %(day)s AND kind = 'INTRADAY'",
)
_MAKE = """
INSERT INTO ledger_profit_run (day, number, kind, opening_id, as_at, seen, last_trade_id, base_currency, reason, actor)
SELECT %(day)s, 1 + coalesce(max(number), 0), %(kind)s, %(opening)s, %(now)s, %(now_seen)s, %(now_last)s, %(base)s,
       %(reason)s, %(actor)s
FROM ledger_profit_run WHERE day = %(day)s
RETURNING id
"""
# All of a day is joined and added up in one pass; its estimates are too rough for compiling to pay.
_WORKING = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off"
# Lines of orders and fees are thought to be many; by that estimate everything would be sorted by texts.
_HASHED, _AS_BEFORE = "SET LOCAL enable_sort = off", "SET LOCAL enable_sort TO DEFAULT"
_MOVED_SINCE = f"CREATE TEMPORARY TABLE profit_moved ON COMMIT DROP AS {moved_sql()}"
_DELTA = f"""
CREATE TEMPORARY TABLE profit_delta ON COMMIT DROP AS
SELECT bucket, {KEY}, sum(quantity) AS quantity, sum(cash) AS cash, sum(fees) AS fees
FROM ({pieces_sql("profit_moved")}) AS piece GROUP BY bucket, {KEY}
"""
# What an adjustment adds is there from its first day until it reverses, once it is known.
_IN_FORCE = """
CASE WHEN pg_visible_in_snapshot(a.xid::text::xid8, %({which}_seen)s::pg_snapshot)
      AND a.valid_from <= %({on})s::date AND a.reverses_on > %({on})s::date THEN a.amount ELSE 0 END
"""
_ADJUST = f"""
INSERT INTO profit_delta (bucket, {KEY}, quantity, cash, fees)
SELECT 'ADJUSTED', book_id, 'ADJUSTMENT', instrument_id, currency, '', 0, NULL, NULL, 0, sum(change), 0
FROM (SELECT a.*, ({_IN_FORCE.format(which="now", on="day")})
                - ({_IN_FORCE.format(which="was", on="opened")}) AS change
      FROM ledger_profit_adjustment a) AS a
WHERE change <> 0 GROUP BY book_id, instrument_id, currency
"""


@dataclass(frozen=True)
class _Before:
    """The run that a day is told against."""

    run_id: int
    day: date
    seen: str
    below: int
    last_trade_id: int


def tell_profit(*, day: date, kind: ProfitRun.Kind, now: datetime, actor: Actor, reason: str = "") -> int:
    """Store what a day came to, as known now; return the run's id. Nobody else tells one meanwhile.

    The first day that is ever told is told against what had been dealt until the business day before it, at that
    day's prices. A further end of a day that has one already is a restatement and says why: Problem 422 without a
    reason, and 409 for an intraday run of a day that has ended.
    """
    if kind != ProfitRun.Kind.INTRADAY:  # during the day they follow by themselves
        follow_trades(now=now, actor=actor)
    with transaction.atomic():
        sql.run(_LOCK)
        _require_sense(day, kind, reason)
        return _tell(day, kind, now, actor, reason.strip())


def refresh_profit(*, day: date, now: datetime, actor: Actor) -> int | None:
    """Tell a day that has not ended anew, where trades have moved since it was last told, or prices may have.

    Return the run's id, or None where there was nothing to do. One that is asked for while another run is being told
    waits for it, and then finds that nothing has moved.
    """
    with transaction.atomic():
        sql.run(_LOCK)
        last = sql.row(_LAST, [day])
        if last is not None:
            kind, as_at, below = last
            is_fresh = now - as_at < _PRICES_WITHIN and not sql.rows(_MOVED, [below])
            if kind == ProfitRun.Kind.CLOSE or is_fresh:
                return None
        return _tell(day, ProfitRun.Kind.INTRADAY, now, actor, "")


def _require_sense(day: date, kind: ProfitRun.Kind, reason: str) -> None:
    if not sql.rows("SELECT FROM ledger_profit_run WHERE day = %s AND kind = 'CLOSE' LIMIT 1", [day]):
        return
    if kind == ProfitRun.Kind.INTRADAY:
        raise Problem(409, "day-ended", "This day has been told to its end.")
    if not reason.strip():
        missing = Fault("/reason", "Say why the day is told again.", "missing")
        raise Problem(422, "invalid", "This cannot be done like this.", faults=[missing])


def _tell(day: date, kind: ProfitRun.Kind, now: datetime, actor: Actor, reason: str) -> int:
    before = _before(day)
    if before is None and kind != ProfitRun.Kind.OPENING:
        _tell(previous_business_day(day), ProfitRun.Kind.OPENING, now, actor, "")
        before = _before(day)
    for statement in _FORGET:
        sql.run(statement, {"day": day})
    sql.run(_WORKING)
    parameters = _parameters(before, day, kind, now, actor, reason)
    run_id = int(sql.rows(_MAKE, parameters)[0][0])
    parameters["run"] = run_id
    sql.run("DROP TABLE IF EXISTS profit_moved, profit_delta, profit_price, profit_interest, profit_parted")
    sql.run(_MOVED_SINCE, parameters)
    sql.run("ANALYZE profit_moved")
    sql.run(_HASHED)
    sql.run(_DELTA, parameters)
    sql.run(_AS_BEFORE)
    add_charges(parameters)
    add_actions(parameters)
    sql.run(_ADJUST, parameters)
    sql.run("ANALYZE profit_delta")
    price_positions(parameters)
    sql.run(PARTED, parameters)
    sql.run(LINES, parameters)
    tell_gains(parameters)
    record(
        type=EVENT,
        subject=SUBJECT,
        ids=[run_id],
        actor=actor,
        at=now,
        reason=reason,
        data={"day": day, "kind": kind},
    )
    return run_id


def previous_business_day(day: date) -> date:
    """Return the business day of the firm before a day."""
    calendar = calendars_for(codes=[FIRM], first=day - timedelta(days=60), last=day)[FIRM]
    return calendar.add_business_days(day, -1)


def _before(day: date) -> _Before | None:
    found = sql.row(_OPENING, [day])
    return None if found is None else _Before(*found)


def _parameters(
    before: _Before | None, day: date, kind: ProfitRun.Kind, now: datetime, actor: Actor, reason: str
) -> dict[str, Any]:
    """Return what the statements of a run are given: `was_…` is known of the run before, `now_…` of this one."""
    told_against = {
        "day": day,
        "opening": before.run_id if before else None,
        "gained": before.run_id if before else None,
        "opened": before.day if before else date.min,
        "was_below": before.below if before else 0,
        "was_seen": before.seen if before else "1:1:",
        "was_last": before.last_trade_id if before else 0,
    }
    begin_gains(told_against)
    seen = read_lots(told_against)
    return {
        **told_against,
        "kind": kind.value,
        "now": now,
        "base": settings.BASE_CURRENCY,
        "reason": reason,
        "actor": actor.name,
        "now_seen": seen,
        "now_below": sql.rows(_BELOW, [seen])[0][0],
        "now_last": sql.rows(_LAST_TRADE)[0][0],
        "was_seen": before.seen if before else seen,
    }


def lock_profit() -> None:
    """Let nobody tell a day until the present transaction has ended."""
    sql.run(_LOCK)
