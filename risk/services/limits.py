"""Limits: a decision in the order of capture over running figures, fed and flushed set-based.

A captured trade is a promise made: its use counts from its first check on, held or not, until it settles or
is cancelled. A breach holds the trade; it does not undo it. Uses are never negative, so a batch whose sums
leave every member below its marks needs no look at single trades; else `decide()` takes them one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from core import sql
from core.audit import Actor
from core.clock import business_date
from core.money import ZERO
from risk.checks._composition import DIMENSIONS, Group
from risk.measures import MEASURES

Member = tuple[int, str]  # a limit's id and the key of one member of its scope
BREACH, WARNING = "LIMIT_BREACH", "LIMIT_WARNING"
_COLUMN = {name: position for position, name in enumerate(DIMENSIONS)}


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """A limit in force, ready for the decision."""

    id: int
    code: str
    measure: str
    dimensions: tuple[str, ...]
    members: tuple[str, ...]
    warn: Decimal | None
    hard: Decimal

    @property
    def group(self) -> Group:
        """What its uses are summed by: limits of the same group share one summation."""
        return self.dimensions, MEASURES[self.measure].size

    @property
    def accumulates(self) -> bool:
        return MEASURES[self.measure].accumulates

    @property
    def first_mark(self) -> Decimal:
        """The lowest figure above which there is something to say."""
        return self.hard if self.warn is None else self.warn

    def key_of(self, place: Sequence[str]) -> str | None:
        """Return the member that a place (a text for each dimension) is, or None when outside of the scope."""
        if self.members and tuple(place[: len(self.members)]) != self.members:
            return None
        return "|".join(place)


@dataclass(slots=True)
class Exposure:
    """One trade as the limits see it: where it stands, and its size by each group of limits (null: unknown).

    counted: its use is in the running figures already.
    """

    trade_id: int
    places: Mapping[Group, tuple[str, ...] | None]
    sizes: Mapping[Group, Decimal | None]
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """What new trades of a batch use together in one place of one group of limits."""

    group: Group
    place: tuple[str, ...]
    total: Decimal
    greatest: Decimal


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
        LimitTerms(row[0], row[1], row[2], tuple(row[3]), tuple(row[4]), row[5], row[6])
        for row in sql.rows(
            "SELECT id, code, measure, dimensions, members, warn, hard FROM risk_limit"
            " WHERE valid_from <= %s AND (valid_to IS NULL OR valid_to >= %s) ORDER BY id",
            [on, on],
        )
    ]


def groups_of(limits: Sequence[LimitTerms]) -> tuple[Group, ...]:
    """Return the groups that limits are summed by, each once."""
    return tuple(dict.fromkeys(limit.group for limit in limits))


def add_up(limits: Sequence[LimitTerms], uses: Iterable[Use]) -> dict[Member, Decimal]:
    """Return by how much summed uses move the figures of every member they touch."""
    by_group: dict[Group, list[LimitTerms]] = {}
    for limit in limits:
        if limit.accumulates:
            by_group.setdefault(limit.group, []).append(limit)
    return {
        (limit.id, key): use.total
        for use in uses
        for limit in by_group.get(use.group, ())
        if (key := limit.key_of(use.place)) is not None
    }


def all_below_marks(
    limits: Sequence[LimitTerms], uses: Iterable[Use], used: Mapping[Member, Decimal]
) -> bool:
    """Tell whether no order of the trades behind these uses could pass any mark."""
    by_group: dict[Group, list[LimitTerms]] = {}
    for limit in limits:
        by_group.setdefault(limit.group, []).append(limit)
    for use in uses:
        for limit in by_group.get(use.group, ()):
            key = limit.key_of(use.place)
            if key is None:
                continue
            figure = used.get((limit.id, key), ZERO) + use.total if limit.accumulates else use.greatest
            if figure > limit.first_mark:
                return False
    return True


def members_of(limits: Sequence[LimitTerms], exposures: Iterable[Exposure]) -> set[Member]:
    """Return the members whose running figures a decision over these exposures needs."""
    kept = [limit for limit in limits if limit.accumulates]
    return {
        (limit.id, key)
        for exposure in exposures
        for limit in kept
        if (place := exposure.places[limit.group]) is not None and (key := limit.key_of(place)) is not None
    }


def decide(
    limits: Sequence[LimitTerms], exposures: Iterable[Exposure], used: Mapping[Member, Decimal]
) -> Decision:
    """Take the trades in the order of capture and tell which of them find a limit exceeded.

    `used` are the running figures before these trades. Pure: nothing is read or written.
    """
    decision = Decision()
    for exposure in exposures:
        for limit in limits:
            size, place = exposure.sizes[limit.group], exposure.places[limit.group]
            key = None if size is None or place is None else limit.key_of(place)
            if size is None or key is None:
                continue
            figure = size
            if limit.accumulates:
                member = (limit.id, key)
                if not exposure.counted:
                    decision.deltas[member] = decision.deltas.get(member, ZERO) + size
                figure = used.get(member, ZERO) + decision.deltas.get(member, ZERO)
            for code, bound in ((BREACH, limit.hard), (WARNING, limit.warn)):
                if bound is not None and figure > bound:
                    decision.excesses.append(Excess(exposure.trade_id, code, limit.code, key, bound, figure))
                    break
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


def release(exposures: Sequence[Exposure], limits: Sequence[LimitTerms]) -> None:
    """Take the uses of trades out of the running figures, in the caller's transaction."""
    taken = decide(limits, exposures, {}).deltas
    row_ids, _ = lock_figures(set(taken))
    move_figures(row_ids, {member: -size for member, size in taken.items()})


def release_arrived(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Release what trades use when they are settled or cancelled (an effect of the lifecycle)."""
    limits = limits_in_force(on=business_date(at))
    release(exposures_of(trade_ids, limits, version="checked_version"), limits)


def count_in_place(leaving: Sequence[int], joining: Sequence[int], at: datetime) -> None:
    """Count trades that take the place of others, as far as these counted, in the caller's transaction.

    The figures of both are locked at once; the others are released as they move.
    """
    limits = limits_in_force(on=business_date(at))
    going, coming = (exposures_of(ids, limits, version="checked_version") for ids in (leaving, joining))
    row_ids, _ = lock_figures(members_of(limits, [*going, *coming]))
    move_figures(row_ids, decide(limits, coming, {}).deltas)


_EXPOSURES = """
SELECT b.trade_id, b.version = b.checked_version, {columns}
FROM (
    SELECT v.*, s.checked_version, p.code AS party_code, p.country AS party_country,
           k.code AS book_code, k.desk, k.entity_id
    FROM trades_state s
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.{version}
    LEFT JOIN refdata_party p ON p.id = v.counterparty_id
    LEFT JOIN refdata_book k ON k.id = v.book_id
    WHERE s.trade_id = ANY(%s)
) b
ORDER BY b.trade_id
"""


def exposures_of(
    trade_ids: Sequence[int], limits: Sequence[LimitTerms], *, version: Literal["version", "checked_version"]
) -> list[Exposure]:
    """Return trades as the limits see them, in the order of capture: by the current version, or by the one
    last checked, whose use the running figures carry (trades never checked are left out then)."""
    groups = groups_of(limits)
    if not trade_ids or not groups:
        return []
    current = version == "version"
    columns = ", ".join(
        [f"b.{column}::text" for column in DIMENSIONS.values()] + [f"({size})" for _, size in groups]
    )
    exposures = []
    statement = _EXPOSURES.format(columns=columns, version=version)
    for trade_id, counted, *values in sql.rows(statement, [list(trade_ids)]):
        texts, sizes = values[: len(DIMENSIONS)], values[len(DIMENSIONS) :]
        places = {group: _place(texts, group) for group in groups}
        exposures.append(
            Exposure(
                trade_id, places, dict(zip(groups, sizes, strict=True)), counted=current and bool(counted)
            )
        )
    return exposures


def _place(texts: Sequence[str | None], group: Group) -> tuple[str, ...] | None:
    place = [text for dimension in group[0] if (text := texts[_COLUMN[dimension]]) is not None]
    return tuple(place) if len(place) == len(group[0]) else None
