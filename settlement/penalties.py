"""Fails and what they cost, read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core import sql
from core.as_of import KNOWN, NOW, AsOf
from core.clock import business_date
from settlement.chases import CHASED, DUE, chases_of
from settlement.moves.base import Rule
from settlement.moves.instructions import TROUBLED
from settlement.moves.table import RULES

# Over an instruction `i` and the instrument `n` that it is of: whose business days count, of a market where it has one.
CALENDAR = """CASE i.asset_kind WHEN 'CASH' THEN i.asset
                ELSE coalesce(nullif(n.market, ''), n.currency, 'FIRM') END"""


@dataclass(frozen=True)
class WantedPenalties:
    """Which penalties are asked for; what is empty filters nothing. `instruction_id`, `trade_id`: database ids."""

    instruction_id: int | None = None
    trade_id: int | None = None
    day: date | None = None
    currency: str = ""
    payer: str = ""
    gap: str = ""


_PENALTIES = """
SELECT p.id, p.xid, p.instruction_id, p.day, p.basis_points, p.price, p.price_date, p.quantity, p.currency, p.amount,
       p.payer, p.gap, p.reverses, p.recorded_at, i.asset, i.asset_kind, r.asset_class AS rate_class,
       r.liquidity AS rate_liquidity, r.currency AS rate_currency, r.valid_from AS rate_from, r.source AS rate_source
FROM settlement_penalty p JOIN settlement_instruction i ON i.id = p.instruction_id
LEFT JOIN refdata_penalty_rate r ON r.id = p.rate_id
"""
_OF_TRADE = """p.instruction_id IN (
    SELECT o.instruction_id FROM settlement_obligation o WHERE o.trade_id = %(trade_id)s)"""


def list_penalties(
    *, wanted: WantedPenalties, after: tuple[int, ...] | None, limit: int
) -> list[dict[str, Any]]:
    """Return penalties, gaps and reversals in the order of commit, after a (transaction, id).

    Only what no open transaction can still precede is shown, so a reader that keeps its cursor misses none.
    """
    conditions = [
        f"p.xid < {sql.OLDEST_OPEN}",
        *(["(p.xid, p.id) > (%(xid)s, %(id)s)"] if after else []),
        *([_OF_TRADE] if wanted.trade_id is not None else []),
        *(
            f"p.{name} = %({name})s"
            for name in ("instruction_id", "day", "currency", "payer", "gap")
            if getattr(wanted, name)
        ),
    ]
    xid, last_id = after or (0, 0)
    return sql.records(
        f"{_PENALTIES} WHERE {' AND '.join(conditions)} ORDER BY p.xid, p.id LIMIT %(limit)s",
        {**vars(wanted), "xid": xid, "id": last_id, "limit": limit},
    )


@dataclass(frozen=True)
class WantedFails:
    """Which fails are asked for; what is empty filters nothing. `mover` is the name of who must act; `due`: only
    what is to be chased by today."""

    mover: str = ""
    channel: str = ""
    party: str = ""
    asset: str = ""
    trade_id: int | None = None
    due: bool = False


_CONDITIONS = {
    "channel": "i.channel = %(channel)s",
    "party": "c.code = %(party)s",
    "asset": "i.asset = %(asset)s",
    "trade_id": "%(trade_id)s = ANY(i.trade_ids)",
    "due": DUE.format(key="i.id"),
}


def _by_rule(told: Callable[[Rule], str]) -> str:
    """Return SQL for what is told of an instruction by the rule of the table of moves that it falls under."""
    return f"(CASE {' '.join(f'WHEN {each.when} THEN {told(each)}' for each in TROUBLED.rules)} END)"


_RULE, _SINCE = _by_rule(lambda each: f"'{each.code}'"), _by_rule(lambda each: each.since)
_FAILS = f"""
SELECT i.id AS instruction_id, i.trade_ids[1] AS trade_id, i.channel, i.asset, i.asset_kind, i.direction, i.value_date,
       i.quantity - s.settled_quantity AS remaining, s.settlement, s.settlement_reason AS reason, c.code AS party,
       c.name AS party_name, {_RULE} AS rule, {_SINCE} AS since, (
           SELECT count(*) FROM generate_series(i.value_date + 1, %(today)s::date, interval '1 day') AS d(day)
           WHERE refdata_open(d.day::date, ARRAY[{CALENDAR}])
       ) AS age_days, p.costs, p.gaps
FROM settlement_instruction_state s JOIN settlement_instruction i ON i.id = s.instruction_id
JOIN refdata_party c ON c.id = i.counterparty_id
LEFT JOIN refdata_instrument n ON i.asset_kind <> 'CASH' AND n.code = i.asset
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(g.currency, g.amount::text) FILTER (WHERE g.amount IS NOT NULL), '{{}}') AS costs,
           coalesce(sum(g.gaps), 0)::int AS gaps
    FROM (
        SELECT p.currency, sum(p.amount) AS amount,
               count(*) FILTER (WHERE p.gap <> '' AND p.reverses IS NULL)
               - count(*) FILTER (WHERE p.gap <> '' AND p.reverses IS NOT NULL) AS gaps
        FROM settlement_penalty p WHERE p.instruction_id = i.id GROUP BY p.currency
    ) g
) p
WHERE {TROUBLED.where} AND s.settlement IN ('FAILED', 'PARTIAL') AND s.instruction_id > %(after)s
"""
_MOVERS = {
    mover: [each.code for each in TROUBLED.rules if each.mover.name == mover]
    for mover in {each.mover.name for each in TROUBLED.rules}
}
FAIL_MOVERS = tuple(sorted(_MOVERS))


def list_fails(*, wanted: WantedFails, now: datetime, after: int = 0, limit: int) -> list[dict[str, Any]]:
    """Return what failed, or settled in part, and is still open, by instruction, after one.

    `remaining` is what is still to settle, `age_days` the business days since the value date, `costs` what it has cost
    so far by currency (above zero we receive, below we pay), `gaps` the days of which that cannot be told; `can_chase`,
    and how it was chased: chases, chased_at, chase_next.
    """
    conditions = [text for name, text in _CONDITIONS.items() if getattr(wanted, name)]
    if wanted.mover:
        conditions.append(f"{_RULE} = ANY(%(rules)s::text[])")
    more = "".join(f" AND {each}" for each in conditions)
    found = sql.records(
        f"{_FAILS}{more} ORDER BY s.instruction_id LIMIT %(limit)s",
        {
            **vars(wanted),
            "rules": _MOVERS.get(wanted.mover, []),
            "today": business_date(now),
            "after": after,
            "limit": limit,
        },
    )
    known = chases_of([row["instruction_id"] for row in found])
    return [{**row, **_read(row), **known.get(row["instruction_id"], _NEVER_CHASED)} for row in found]


_NEVER_CHASED = {"chases": 0, "chased_at": None, "chase_next": None}


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    _, rule = RULES[row["rule"]]
    costs: Mapping[str, str] = sql.json_value(row["costs"])
    return {
        "mover": rule.mover,
        "next": rule.next,
        "can_chase": rule.mover in CHASED,
        "costs": {currency: Decimal(amount) for currency, amount in sorted(costs.items())},
    }


_COSTS_OF_TRADE = f"""
SELECT p.instruction_id, p.day, p.quantity, p.basis_points, p.price, p.currency, p.amount, p.payer, p.gap
FROM settlement_penalty p
WHERE {_OF_TRADE} AND p.reverses IS NULL AND core_known(p.xid, p.recorded_at, {KNOWN})
  AND NOT EXISTS (SELECT FROM settlement_penalty x
                  WHERE x.reverses = p.id AND core_known(x.xid, x.recorded_at, {KNOWN}))
ORDER BY p.day DESC, p.instruction_id LIMIT %(limit)s
"""


def penalties_of(trade_id: int, *, as_of: AsOf | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Return what the fails of a trade cost day by day, the latest first, as known at a moment; reversals left out."""
    return sql.records(_COSTS_OF_TRADE, {"trade_id": trade_id, "limit": limit, **(as_of or NOW).parameters()})


_TOTALS = f"""
SELECT p.currency, coalesce(sum(p.amount) FILTER (WHERE p.payer = 'COUNTERPARTY'), 0) AS received,
       coalesce(-sum(p.amount) FILTER (WHERE p.payer = 'US'), 0) AS paid
FROM settlement_instruction_state s JOIN settlement_instruction i ON i.id = s.instruction_id
JOIN settlement_penalty p ON p.instruction_id = s.instruction_id
WHERE {TROUBLED.where} AND s.settlement IN ('FAILED', 'PARTIAL')
GROUP BY p.currency ORDER BY p.currency
"""


def open_costs() -> list[dict[str, Any]]:
    """Return what all open fails have cost so far by currency: what we receive and what we pay."""
    return [row for row in sql.records(_TOTALS) if row["received"] or row["paid"]]
