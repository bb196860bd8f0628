"""Match two sides: level by level, each of what the earlier ones left, then near misses of what stays alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.matching.groups import Parts, group_up, named
from core.matching.nearness import near_misses
from core.matching.outcome import Difference, Group, Outcome, Pairs
from core.matching.pairing import pair_up
from core.matching.rules import Cardinality, Level, Rules
from core.matching.sides import Side

Columns = Mapping[str, Sequence[Any]]


def match(*, ours: Columns, theirs: Columns, rules: Rules) -> Outcome:
    """Match two sides of records and return every record once: in a pair, in a group, or alone with its near misses.

    ours, theirs: columns of one length by their name, as sequences; `id` tells records of a side apart and orders
    them; besides it all fields that the rules name. Numbers are Decimal or int, dates `date`, anything hashable is
    a key; None is a value that is missing. Columns that no rule names are not looked at.

    The outcome depends on the records alone: in whatever order they stand, it is the same. ValueError: a column is
    missing or has another length, or an id comes twice.
    """
    fields = _fields(rules.levels)
    here, there = Side("Our side", ours, fields), Side("Their side", theirs, fields)
    differences: dict[Any, tuple[Difference, ...]] = {}
    pairs = Pairs([], [], [], differences)
    groups: list[Group] = []
    for level in rules.levels:
        if level.cardinality is Cardinality.ONE_TO_ONE:
            _pair(level, here, there, pairs, differences)
        else:
            groups += _group(level, here, there)
    near_ours, near_theirs = near_misses(rules, here, there)
    return Outcome(
        pairs,
        tuple(groups),
        [here.ids[row] for row in here.left],
        [there.ids[row] for row in there.left],
        near_ours,
        near_theirs,
    )


def _fields(levels: tuple[Level, ...]) -> list[str]:
    return list(dict.fromkeys(field for level in levels for field in (*level.keys, *level.fields)))


def _pair(
    level: Level, ours: Side, theirs: Side, pairs: Pairs, differences: dict[Any, tuple[Difference, ...]]
) -> None:
    rows, others, told = pair_up(level, ours, theirs)
    pairs.ours.extend(map(ours.ids.__getitem__, rows))
    pairs.theirs.extend(map(theirs.ids.__getitem__, others))
    pairs.levels.extend([level.name] * len(rows))
    differences.update((ours.ids[row], each) for row, each in told.items())
    ours.take(rows)
    theirs.take(others)


def _group(level: Level, ours: Side, theirs: Side) -> list[Group]:
    found: list[Parts] = group_up(level, ours, theirs)
    ours.take(row for parts in found for row in parts.rows)
    theirs.take(row for parts in found for row in parts.others)
    return [named(level, ours, theirs, parts) for parts in found]
