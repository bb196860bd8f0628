"""The straight-through rate: the share of trades that nobody had to touch, and where the others were lost.

Of the trades of some trade dates, those are straight through that never had a work item, of whatever kind. Each of
the others is lost once: to the code of its first blocking finding, or where it has none to the kind of its first
work item; and to its source and its counterparty as first captured. So the rate and the losses, by each of the
three, add up to 100 %. What still waits for its first check is not counted yet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core import sql
from trades.lifecycle import State

MAX_DAYS = 92
MAX_ROWS = 50  # of one breakdown; what is beyond is summed up
OTHERS = "OTHERS"
DIMENSIONS = ("check", "source", "party")


@dataclass(frozen=True)
class Loss:
    """Trades that were lost to one code, source or party, and their share of all trades in per cent."""

    name: str
    trades: int
    share: Decimal


@dataclass(frozen=True)
class StraightThrough:
    """The rate of some days. `rate` and `losses` are in per cent of `trades`; without trades there is no rate."""

    trades: int
    straight: int
    waiting: int
    rate: Decimal | None
    losses: dict[str, list[Loss]]


_TOLD = f"""
WITH day AS MATERIALIZED (
    SELECT v.trade_id, v.source, coalesce(p.code, v.counterparty_ref) AS party, s.state
    FROM trades_version v JOIN trades_state s USING (trade_id)
    LEFT JOIN refdata_party p ON p.id = v.counterparty_id
    WHERE v.trade_date BETWEEN %(first)s AND %(last)s AND v.version = 1 {{of_sources}}
), lost AS MATERIALIZED (
    SELECT DISTINCT ON (e.trade_id) e.trade_id, e.kind
    FROM day JOIN trades_exception e USING (trade_id) ORDER BY e.trade_id, e.id
), told AS MATERIALIZED (
    SELECT d.source, d.party, coalesce(f.code, l.kind) AS code,
           l.trade_id IS NULL AND d.state = {State.CAPTURED.value} AS waits
    FROM day d LEFT JOIN lost l USING (trade_id)
    LEFT JOIN LATERAL (
        SELECT f.code FROM trades_finding f
        WHERE f.trade_id = l.trade_id AND f.severity = 'BLOCK' ORDER BY f.id LIMIT 1
    ) f ON true
)
SELECT '', '', count(*) FILTER (WHERE NOT waits) FROM told
UNION ALL SELECT 'waits', '', count(*) FILTER (WHERE waits) FROM told
UNION ALL SELECT 'check', code, count(*) FROM told WHERE code IS NOT NULL GROUP BY code
UNION ALL SELECT 'source', source, count(*) FROM told WHERE code IS NOT NULL GROUP BY source
UNION ALL SELECT 'party', party, count(*) FROM told WHERE code IS NOT NULL GROUP BY party
"""


def straight_through(*, first: date, last: date, sources: Collection[str] = ()) -> StraightThrough:
    """Return the rate of the trades of `first` to `last`, both included, of some sources (none: of all)."""
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in ("", "waits", *DIMENSIONS)}
    statement = _TOLD.format(of_sources="AND v.source = ANY(%(sources)s)" if sources else "")
    for dimension, name, count in sql.rows(
        statement, {"first": first, "last": last, "sources": list(sources)}
    ):
        found[dimension].append((name, count))
    total, waiting = found[""][0][1], found["waits"][0][1]
    lost = sum(count for _, count in found["check"])
    straight = total - lost
    if not total:
        return StraightThrough(0, 0, waiting, None, {name: [] for name in DIMENSIONS})
    rate = per_cent([straight, lost])[0]
    losses = {name: _losses(found[name], rate) for name in DIMENSIONS}
    return StraightThrough(total, straight, waiting, rate, losses)


def _losses(counted: Sequence[tuple[str, int]], rate: Decimal) -> list[Loss]:
    """Return one breakdown, the greatest first, whose shares and the rate are 100 % to the hundredth."""
    ranked = sorted(counted, key=lambda each: (-each[1], each[0]))
    rest = sum(count for _, count in ranked[MAX_ROWS:])
    shown = ranked[:MAX_ROWS] + ([(OTHERS, rest)] if rest else [])
    shares = per_cent([count for _, count in shown], of=100 - rate)
    return [Loss(name, count, share) for (name, count), share in zip(shown, shares, strict=True)]


def per_cent(counts: Sequence[int], *, of: Decimal = Decimal(100)) -> list[Decimal]:
    """Return the shares of counts in per cent, to hundredths, that add up to `of` exactly (largest remainder).

    Of equal remainders the earlier count has the hundredth. All counts zero: all shares zero.
    """
    total, whole = sum(counts), int(of * 100)
    if not total:
        return [Decimal(0)] * len(counts)
    parts = [divmod(count * whole, total) for count in counts]
    left = whole - sum(hundredths for hundredths, _ in parts)
    extra = set(sorted(range(len(parts)), key=lambda at: -parts[at][1])[:left])
    return [Decimal(hundredths + (at in extra)).scaleb(-2) for at, (hundredths, _) in enumerate(parts)]
