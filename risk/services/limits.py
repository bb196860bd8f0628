"""Limits in the database: which are kept, their running figures, and trades as they see them.

Figures are fed and flushed set-based, and locked in one place and one order. A trade's use counts from its first
check on, held or not, until it settles or is cancelled, as its measure says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.conf import settings

from core import sql
from core.audit import Actor
from core.clock import business_date
from core.money import ZERO
from risk.checks._composition import COLUMNS, Group, arrival_sql
from risk.services.decision import (
    NEVER,
    NOTHING,
    Exposure,
    Held,
    LimitTerms,
    Member,
    Place,
    decide,
    groups_of,
    members_of,
)

_COLUMN = {name: position for position, name in enumerate(COLUMNS)}


@dataclass(frozen=True, slots=True)
class Figures:
    """Running figures of members, locked: their rows, what trades use and what reservations hold."""

    rows: dict[Member, int]
    used: dict[Member, Decimal]
    held: dict[Member, Held]


# A limit whose currency has no rate any more cannot be told: nothing is within it.
_KEPT = """
SELECT l.id, l.code, l.measure, l.dimensions, l.members, l.warn * f.rate, coalesce(l.hard * f.rate, 0),
       coalesce(l.floor * f.rate, 0), l.valid_from <= %(on)s, r.keys, r.amounts
FROM risk_limit l
LEFT JOIN LATERAL (
    SELECT 1 AS rate WHERE l.currency IN ('', %(base)s)
    UNION ALL (
        SELECT f.rate FROM refdata_fx_rate f WHERE f.currency = l.currency AND f.date <= %(on)s
        ORDER BY f.date DESC LIMIT 1
    ) LIMIT 1
) f ON true
LEFT JOIN LATERAL (
    SELECT array_agg(e.key) AS keys, array_agg(e.amount * f.rate) AS amounts FROM (
        SELECT e.key, sum(e.amount) AS amount FROM risk_temporary_excess e
        WHERE e.limit_id = l.id AND e.valid_from <= %(at)s AND e.valid_until > %(at)s GROUP BY e.key
    ) e
) r ON true
WHERE l.valid_to IS NULL OR l.valid_to >= %(on)s
ORDER BY l.id
"""


def limits_kept(*, at: datetime) -> list[LimitTerms]:
    """Return the limits whose figures are kept at a moment: those in force, and those whose first day is to come,
    which nothing exceeds yet. Marks are in base currency at the last rate of the day.
    """
    today = business_date(at)
    found = sql.rows(_KEPT, {"on": today, "at": at, "base": settings.BASE_CURRENCY})
    return [_terms(*row) for row in found]


def limits_in_force(*, at: datetime) -> list[LimitTerms]:
    """Return the limits valid at a moment."""
    return [limit for limit in limits_kept(at=at) if limit.hard != NEVER]


def _terms(
    limit_id: int, code: str, measure: str, dimensions: list[str], members: list[str], warn: Decimal | None,
    hard: Decimal, floor: Decimal, begun: bool, keys: list[str] | None, amounts: list[Decimal] | None,
) -> LimitTerms:  # fmt: skip
    terms = LimitTerms(
        limit_id, code, measure, tuple(dimensions), tuple(members), warn, hard, floor,
        dict(zip(keys or (), amounts or (), strict=True)),
    )  # fmt: skip
    return terms if begun else replace(terms, warn=None, hard=NEVER)


_MAKE = """
INSERT INTO risk_utilisation (limit_id, key, used)
SELECT w.limit_id, w.key, 0 FROM unnest(%s::bigint[], %s::text[]) AS w(limit_id, key)
WHERE NOT EXISTS (SELECT 1 FROM risk_utilisation u WHERE u.limit_id = w.limit_id AND u.key = w.key)
ORDER BY 1, 2 ON CONFLICT DO NOTHING
"""
_IDS = """
SELECT u.id FROM unnest(%s::bigint[], %s::text[]) AS w(limit_id, key)
JOIN risk_utilisation u ON u.limit_id = w.limit_id AND u.key = w.key ORDER BY u.id
"""
_LOCK = """
SELECT id, limit_id, key, used, held_up, held_down FROM risk_utilisation WHERE id = ANY(%s) ORDER BY id FOR UPDATE
"""
_READ = """
SELECT u.id, u.limit_id, u.key, u.used, u.held_up, u.held_down
FROM unnest(%s::bigint[], %s::text[]) AS w(limit_id, key)
JOIN risk_utilisation u ON u.limit_id = w.limit_id AND u.key = w.key
"""


def lock_figures(members: Iterable[Member]) -> Figures:
    """Lock the running figures of members in the order of their ids, and return them.

    The one place where limits are locked: always after the trades' own rows and reservations, always late.
    """
    wanted = sorted(members)
    if not wanted:
        return Figures({}, {}, {})
    parameters = [[limit_id for limit_id, _ in wanted], [key for _, key in wanted]]
    sql.run(_MAKE, parameters)
    ids = [row_id for (row_id,) in sql.rows(_IDS, parameters)]
    return _figures(sql.rows(_LOCK, [ids]))


def read_figures(members: Iterable[Member]) -> Figures:
    """Return the running figures of members as they are now, without a lock."""
    wanted = sorted(members)
    return _figures(sql.rows(_READ, [[limit_id for limit_id, _ in wanted], [key for _, key in wanted]]))


def _figures(rows: Iterable[tuple[int, int, str, Decimal, Decimal, Decimal]]) -> Figures:
    figures = Figures({}, {}, {})
    for row_id, limit_id, key, used, up, down in rows:
        member = (limit_id, key)
        figures.rows[member], figures.used[member] = row_id, used
        if up or down:
            figures.held[member] = Held(up, down)
    return figures


_MOVE = """
UPDATE risk_utilisation u SET used = u.used + d.used, held_up = u.held_up + d.up, held_down = u.held_down + d.down
FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[]) AS d(id, used, up, down)
WHERE u.id = d.id
"""


def move_figures(
    rows: Mapping[Member, int],
    deltas: Mapping[Member, Decimal],
    *,
    freed: Mapping[Member, Held] | None = None,
    reserved: Mapping[Member, Held] | None = None,
) -> None:
    """Add to running figures that the caller has locked: uses, and what is reserved more and less."""
    less, more = freed or {}, reserved or {}
    moving = []
    for member in {**deltas, **less, **more}:
        used, held = deltas.get(member, ZERO), more.get(member, NOTHING) - less.get(member, NOTHING)
        if used or held.up or held.down:
            moving.append((rows[member], used, held.up, held.down))
    if moving:
        sql.run(_MOVE, [list(column) for column in zip(*moving, strict=True)])


def release(exposures: Sequence[Exposure], limits: Sequence[LimitTerms]) -> None:
    """Take the uses of trades out of the running figures, in the caller's transaction."""
    taken = decide(limits, exposures, {}).deltas
    figures = lock_figures(taken)
    move_figures(figures.rows, {member: -size for member, size in taken.items()})


def release_settled(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Release what trades use no longer once they are settled (an effect of the lifecycle)."""
    _release([limit for limit in limits_kept(at=at) if limit.declared.until == "SETTLED"], trade_ids)


def release_cancelled(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Release all that trades use when they are cancelled (an effect of the lifecycle)."""
    _release(limits_kept(at=at), trade_ids)


def _release(limits: Sequence[LimitTerms], trade_ids: Sequence[int]) -> None:
    release(exposures_of(trade_ids, limits, version="checked_version"), limits)


def count_in_place(
    leaving: Sequence[int], joining: Sequence[int], at: datetime, *, freed: Mapping[Member, Held]
) -> None:
    """Count trades that take the place of others, as far as these counted, in the caller's transaction.

    freed: what reservations held for the others, given back in the same turn. The figures of both are locked at
    once; the others are released as they move.
    """
    limits = limits_kept(at=at)
    going, coming = (exposures_of(ids, limits, version="checked_version") for ids in (leaving, joining))
    figures = lock_figures({*members_of(limits, [*going, *coming]), *freed})
    move_figures(figures.rows, decide(limits, coming, {}).deltas, freed=freed)


# What the dimensions and sizes of limits are read from, of versions `v`.
_PLACED = """
    SELECT v.*{more}, p.code AS party_code, p.country AS party_country,
           coalesce(nullif(p.party_group, ''), p.code) AS party_group,
           k.code AS book_code, k.desk, k.entity_id, coalesce(i.code, v.instrument_ref) AS instrument_code,
           nullif(i.issuer, '') AS issuer,
           {arrival}
    FROM {versions}
    LEFT JOIN refdata_party p ON p.id = v.counterparty_id
    LEFT JOIN refdata_book k ON k.id = v.book_id
    LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
"""


def placed_sql(*, more: str, version: str) -> str:
    """Return SQL of one version of trades (`version` or `checked_version` of their state `s`) with all that limits
    are kept by; more: further columns. Its caller narrows it by a condition."""
    joined = f"trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.{version}"
    return _PLACED.format(more=more, versions=joined, arrival=arrival_sql("s.block_id"))


_EXPOSURES = """
SELECT b.trade_id, b.version = b.checked_version, {columns}
FROM ({placed} WHERE s.trade_id = ANY(%s)) b ORDER BY b.trade_id
"""
_OF_TERMS = f"""
SELECT b.trade_id, false, {{columns}} FROM ({
    _PLACED.format(
        more="",
        versions="json_populate_recordset(NULL::trades_version, %s) v",
        arrival=arrival_sql("NULL::bigint"),
    )
}) b ORDER BY b.trade_id
"""


def exposures_of(
    trade_ids: Sequence[int], limits: Sequence[LimitTerms], *, version: Literal["version", "checked_version"]
) -> list[Exposure]:
    """Return trades as the limits see them, in the order of capture: by the current version, or by the one
    last checked, whose use the running figures carry (trades never checked are left out then)."""
    groups = groups_of(limits)
    if not trade_ids or not groups:
        return []
    placed = placed_sql(more=", s.checked_version", version=version)
    statement = _EXPOSURES.format(columns=_columns(groups), placed=placed)
    return _exposures(sql.rows(statement, [list(trade_ids)]), groups, counted=version == "version")


def exposures_of_terms(versions: str, limits: Sequence[LimitTerms]) -> list[Exposure]:
    """Return what is not captured as the limits would see it. versions: rows of trades_version, as a JSON array."""
    groups = groups_of(limits)
    if not groups:
        return []
    return _exposures(sql.rows(_OF_TERMS.format(columns=_columns(groups)), [versions]), groups, counted=False)


def _columns(groups: Sequence[Group]) -> str:
    return ", ".join(
        [f"b.{column}::text" for column in COLUMNS.values()] + [f"({size})" for _, size, _ in groups]
    )


def _exposures(rows: Iterable[tuple[Any, ...]], groups: Sequence[Group], *, counted: bool) -> list[Exposure]:
    exposures = []
    for trade_id, is_counted, *values in rows:
        texts, sizes = values[: len(COLUMNS)], values[len(COLUMNS) :]
        places = {group: _place(texts, group) for group in groups}
        exposures.append(
            Exposure(
                trade_id, places, dict(zip(groups, sizes, strict=True)), counted=counted and bool(is_counted)
            )
        )
    return exposures


def _place(texts: Sequence[str | None], group: Group) -> Place | None:
    place = [text for dimension in group[0] if (text := texts[_COLUMN[dimension]]) is not None]
    return tuple(place) if len(place) == len(group[0]) else None
