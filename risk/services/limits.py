"""Limits: a pure decision in the order of capture, fed and flushed set-based.

A captured trade is a promise made: its use counts from its first check on, held or not, until it settles or
is cancelled. A breach holds the trade; it does not undo it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core import sql
from core.audit import Actor
from core.money import ZERO
from risk.checks._composition import DIMENSIONS
from risk.measures import MEASURES

Member = tuple[int, str]  # a limit's id and the key of one member of its scope
_POSITIONS = {name: position for position, name in enumerate(DIMENSIONS)}
BREACH, WARNING = "LIMIT_BREACH", "LIMIT_WARNING"


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """A limit in force, ready for the decision."""

    id: int
    code: str
    measure: str
    positions: tuple[int, ...]  # of its dimensions in a trade's place
    members: tuple[str, ...]
    warn: Decimal | None
    hard: Decimal

    def key_of(self, place: Sequence[Any]) -> str | None:
        """Return the member of the scope that a trade falls on, or None when the limit does not concern it."""
        if len(self.positions) == 1 and not self.members:  # the usual limit, on the hot path
            value = place[self.positions[0]]
            return str(value) if value else None
        values = [place[position] for position in self.positions]
        if not all(values):
            return None
        texts = tuple(map(str, values))
        if self.members and texts[: len(self.members)] != self.members:
            return None
        return "|".join(texts)


@dataclass(slots=True)
class Exposure:
    """One trade as the limits see it. `counted`: its use is in the running figures already."""

    trade_id: int
    base_amount: Decimal | None
    place: Sequence[Any]  # the trade's value for each of DIMENSIONS
    counted: bool = False


@dataclass(slots=True)
class Excess:
    """A trade that found a limit above its hard or warning mark, counting itself."""

    trade_id: int
    code: str
    limit: str
    key: str
    bound: Decimal
    used: Decimal


@dataclass(slots=True)
class Decision:
    """What the limits say of a batch, and by how much each member's figure moves."""

    excesses: list[Excess] = field(default_factory=list)
    deltas: dict[Member, Decimal] = field(default_factory=dict)


def limits_in_force(*, on: date) -> list[LimitTerms]:
    """Return the limits valid on a day."""
    return [
        LimitTerms(
            row[0], row[1], row[2], tuple(map(_POSITIONS.__getitem__, row[3])), tuple(row[4]), row[5], row[6]
        )
        for row in sql.rows(
            "SELECT id, code, measure, dimensions, members, warn, hard FROM risk_limit"
            " WHERE valid_from <= %s AND (valid_to IS NULL OR valid_to >= %s) ORDER BY id",
            [on, on],
        )
    ]


def members_of(limits: Sequence[LimitTerms], exposures: Iterable[Exposure]) -> set[Member]:
    """Return the members whose running figures a decision over these exposures needs."""
    kept = [limit for limit in limits if MEASURES[limit.measure].accumulates]
    return {
        (limit.id, key)
        for exposure in exposures
        for limit in kept
        if (key := limit.key_of(exposure.place)) is not None
    }


def decide(
    limits: Sequence[LimitTerms], exposures: Iterable[Exposure], used: Mapping[Member, Decimal]
) -> Decision:
    """Take the trades in the order of capture and tell which of them find a limit exceeded.

    `used` are the running figures before these trades. Pure: nothing is read or written.
    """
    decision = Decision()
    measures = [
        (limit, MEASURES[limit.measure].size, MEASURES[limit.measure].accumulates) for limit in limits
    ]
    for exposure in exposures:
        if exposure.base_amount is None:
            continue
        for limit, size_of, accumulates in measures:
            key = limit.key_of(exposure.place)
            if key is None:
                continue
            figure = size = size_of(exposure.base_amount)
            if accumulates:
                member = (limit.id, key)
                moved = decision.deltas.get(member, ZERO)
                if not exposure.counted:
                    moved += size
                    decision.deltas[member] = moved
                figure = used.get(member, ZERO) + moved
            if figure > limit.hard:
                excess = Excess(exposure.trade_id, BREACH, limit.code, key, limit.hard, figure)
                decision.excesses.append(excess)
            elif limit.warn is not None and figure > limit.warn:
                excess = Excess(exposure.trade_id, WARNING, limit.code, key, limit.warn, figure)
                decision.excesses.append(excess)
    return decision


def lock_figures(members: set[Member]) -> tuple[dict[Member, int], dict[Member, Decimal]]:
    """Lock the running figures of members in the order of their ids; return their row ids and values.

    The one place where limits are locked: always after the trades' own rows, always late.
    """
    if not members:
        return {}, {}
    wanted = sorted(members)
    parameters = [[limit_id for limit_id, _ in wanted], [key for _, key in wanted]]
    sql.run(
        "INSERT INTO risk_utilisation (limit_id, key, used)"
        " SELECT w.limit_id, w.key, 0 FROM unnest(%s::bigint[], %s::text[]) AS w(limit_id, key)"
        " WHERE NOT EXISTS (SELECT 1 FROM risk_utilisation u WHERE u.limit_id = w.limit_id AND u.key = w.key)"
        " ORDER BY 1, 2 ON CONFLICT DO NOTHING",
        parameters,
    )
    ids = [
        row_id
        for (row_id,) in sql.rows(
            "SELECT u.id FROM unnest(%s::bigint[], %s::text[]) AS w(limit_id, key)"
            " JOIN risk_utilisation u ON u.limit_id = w.limit_id AND u.key = w.key ORDER BY u.id",
            parameters,
        )
    ]
    rows = sql.rows(
        "SELECT limit_id, key, id, used FROM risk_utilisation WHERE id = ANY(%s) ORDER BY id FOR UPDATE",
        [ids],
    )
    return (
        {(limit_id, key): row_id for limit_id, key, row_id, _ in rows},
        {(limit_id, key): used for limit_id, key, _, used in rows},
    )


def move_figures(row_ids: Mapping[Member, int], deltas: Mapping[Member, Decimal]) -> None:
    """Add the deltas to running figures that the caller has locked."""
    moving = [(row_ids[member], delta) for member, delta in deltas.items() if delta]
    if moving:
        sql.run(
            "UPDATE risk_utilisation u SET used = used + d.delta"
            " FROM unnest(%s::bigint[], %s::numeric[]) AS d(id, delta) WHERE u.id = d.id",
            [[row_id for row_id, _ in moving], [delta for _, delta in moving]],
        )


def release(exposures: Sequence[Exposure], *, on: date) -> None:
    """Take the uses of trades out of the running figures, in the caller's transaction."""
    limits = limits_in_force(on=on)
    members = members_of(limits, exposures)
    row_ids, _ = lock_figures(members)
    taken = decide(limits, exposures, {}).deltas
    move_figures(row_ids, {member: -size for member, size in taken.items()})


def release_arrived(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Release what trades use when they are settled or cancelled (an effect of the lifecycle)."""
    release(counted_exposures(trade_ids), on=at.date())


_COUNTED = f"""
SELECT b.trade_id, b.base_amount, {", ".join(f"b.{column}" for column in DIMENSIONS.values())}
FROM (
    SELECT v.*, p.code AS party_code, p.country AS party_country, k.code AS book_code, k.desk, k.entity_id
    FROM trades_state s
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.checked_version
    LEFT JOIN refdata_party p ON p.id = v.counterparty_id
    LEFT JOIN refdata_book k ON k.id = v.book_id
    WHERE s.trade_id = ANY(%s) AND s.checked_version IS NOT NULL
) b
"""


def counted_exposures(trade_ids: Sequence[int]) -> list[Exposure]:
    """Return the exposures of trades as the running figures carry them: by the version last checked."""
    if not trade_ids:
        return []
    return [
        Exposure(trade_id, base_amount, place)
        for trade_id, base_amount, *place in sql.rows(_COUNTED, [list(trade_ids)])
    ]
