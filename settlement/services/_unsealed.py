"""The legs that no instruction stands for yet, and what keeps some of them from being sealed, as SQL."""

from __future__ import annotations

from functools import cache

from refdata.netting import ENTITIES, agreements_sql
from settlement.services._holding import kept_sql
from settlement.services._sealing import (
    against_sql,
    dealt_against_sql,
    earlier_sql,
    legs_of_sql,
    payable_sql,
)
from trades.lifecycle import State

# The states of trades whose legs are looked at. What is captured is not checked yet.
EXPANDED = (State.VALIDATED, State.EXCEPTION)
_WAITING = (*EXPANDED, State.INSTRUCTED, State.HANDED_OFF, State.ACKNOWLEDGED)

# The trades that a seal may find a leg of; what keeps trades from leaving is asked of these.
SEALABLE = f"""(
    (SELECT trade_id FROM trades_state WHERE state = {State.VALIDATED.value} ORDER BY trade_id LIMIT {{most}})
    UNION (SELECT trade_id FROM settlement_obligation WHERE instruction_id IS NULL ORDER BY value_date LIMIT {{most}})
)"""


@cache
def unsealed_sql() -> str:
    """Return SQL for the relation `unsealed` with those that it is made of: a row a leg, with what is left of it. The
    legs, part by part and whatever keeps them, are the relation `apart`.

    Columns: trade_id, leg, asset_kind, asset, direction, quantity, value_date, counterparty_id, and `held`: whether an
    exception of its trade, a hold or what `%(stopped)s` (trades) is about keeps it from being sealed. Only of value
    dates from `%(since)s` to `%(until)s`, and of the first `%(most)s` trades of each state, by id.
    """
    states = ", ".join(str(state.value) for state in EXPANDED)
    waiting = ", ".join(str(state.value) for state in _WAITING)
    return f"""
        current AS MATERIALIZED (
            SELECT v.* FROM unnest(ARRAY[{states}]::smallint[]) AS w(state)
            CROSS JOIN LATERAL (
                SELECT trade_id, version FROM trades_state WHERE state = w.state ORDER BY trade_id LIMIT %(most)s
            ) AS s
            JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
            WHERE v.settlement_date <= %(until)s
        ), {legs_of_sql("current")}, earlier AS MATERIALIZED ({earlier_sql("current")}), apart AS (
            SELECT l.trade_id, l.leg, l.asset_kind, l.asset, l.direction,
                   {payable_sql("l")} - coalesce(e.standing, 0) AS quantity, l.value_date, l.counterparty_id,
                   {against_sql("l")} AS against
            FROM leg l LEFT JOIN earlier e ON e.trade_id = l.trade_id AND e.leg = l.leg
            LEFT JOIN {ENTITIES} k ON k.id = l.book_id {agreements_sql("l", "k")}
            WHERE l.value_date BETWEEN %(since)s AND %(until)s
              AND (e.trade_id IS NULL OR e.standing < {payable_sql("l")})
            UNION ALL
            SELECT l.trade_id, l.leg, l.asset_kind, l.asset, l.direction, l.quantity, l.value_date, l.counterparty_id,
                   {against_sql("l")}
            FROM (
                SELECT o.*, v.counterparty_id, v.book_id, {dealt_against_sql()} AS against
                FROM settlement_obligation o
                JOIN trades_state s ON s.trade_id = o.trade_id AND s.version = o.version
                JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
                LEFT JOIN refdata_instrument vi ON vi.id = v.instrument_id
                WHERE o.instruction_id IS NULL AND o.value_date BETWEEN %(since)s AND %(until)s
                  AND s.state IN ({waiting})
                ORDER BY o.value_date, o.trade_id LIMIT %(most)s
            ) AS l
            LEFT JOIN {ENTITIES} k ON k.id = l.book_id {agreements_sql("l", "k")}
        ), undone AS MATERIALIZED (
            SELECT trade_id, leg, asset_kind, asset, direction, sum(quantity) AS quantity, value_date, counterparty_id,
                   max(against) AS against
            FROM apart GROUP BY trade_id, leg, asset_kind, asset, direction, value_date, counterparty_id
        ), {kept_sql("undone")}, unsealed AS (
            SELECT u.trade_id, u.leg, u.asset_kind, u.asset, u.direction, u.quantity, u.value_date, u.counterparty_id,
                   s.state = {State.EXCEPTION.value} OR k.trade_id IS NOT NULL
                       OR u.trade_id = ANY(%(stopped)s::bigint[]) AS held
            FROM undone u JOIN trades_state s ON s.trade_id = u.trade_id
            LEFT JOIN kept k ON k.trade_id = u.trade_id AND k.leg = u.leg
        )"""
