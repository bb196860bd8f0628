"""Near misses: which of the other side comes nearest to a record that stayed alone, and what keeps it away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import nsmallest
from typing import Any

from core.matching.outcome import Difference, NearMiss, Reason
from core.matching.pairing import crowds, neighbours
from core.matching.rules import Level, Rules
from core.matching.sides import Rows, Side, differ, judge_rows
from core.matching.tolerances import Exact

# Of those that share all keys but one, so many neighbours on either side are looked at.
NEIGHBOURS = 4

Score = tuple[int, int]
Near = Mapping[Any, tuple[NearMiss, ...]]


def near_misses(rules: Rules, ours: Side, theirs: Side) -> tuple[Near, Near]:
    """Return the near misses of all that stayed alone, ours and theirs, the nearest first.

    Worth a look is whoever has all keys of a level but one, or all of them, and is alone too; if there is none,
    whoever would match but is taken. Ranked by how many fields are out of tolerance, then by how far, then by id.
    """
    if not rules.near_max:
        return {}, {}
    fields = _yardstick(rules)
    of_ours: dict[int, list[tuple[Score, int]]] = {}
    of_theirs: dict[int, list[tuple[Score, int]]] = {}
    told: dict[tuple[int, int], tuple[Difference, ...]] = {}
    for pair in _candidates(rules, ours, theirs):
        if pair not in told:
            score, told[pair] = _measure(fields, rules.levels[0].keys, ours, pair[0], theirs, pair[1])
            of_ours.setdefault(pair[0], []).append((score, pair[1]))
            of_theirs.setdefault(pair[1], []).append((score, pair[0]))
    near_ours = {
        ours.ids[row]: tuple(
            NearMiss(theirs.ids[other], told[row, other]) for other in _nearest(rules, of_ours[row], theirs)
        )
        for row in ours.left
        if row in of_ours
    }
    near_theirs = {
        theirs.ids[other]: tuple(
            NearMiss(ours.ids[row], told[row, other]) for row in _nearest(rules, of_theirs[other], ours)
        )
        for other in theirs.left
        if other in of_theirs
    }
    near_ours |= _taken(rules, ours, [row for row in ours.left if row not in of_ours], theirs, turned=False)
    near_theirs |= _taken(
        rules, theirs, [row for row in theirs.left if row not in of_theirs], ours, turned=True
    )
    return near_ours, near_theirs


def _yardstick(rules: Rules) -> dict[str, Exact]:
    """Return what candidates are compared by: the keys of the first level, and all that any level compares."""
    fields: dict[str, Exact] = {key: Exact() for key in rules.levels[0].keys}
    for level in rules.levels:
        for field, tolerance in level.fields.items():
            fields.setdefault(field, tolerance)
    return fields


def _candidates(rules: Rules, ours: Side, theirs: Side) -> Iterator[tuple[int, int]]:
    blocks: dict[tuple[str, ...], Level] = {}
    for level in rules.levels:
        blocks.setdefault(level.keys, level)
        if len(level.keys) > 1:
            for each in level.keys:
                blocks.setdefault(tuple(key for key in level.keys if key != each), level)
    fields = _yardstick(rules)
    for keys in blocks:
        besides = {field: each for field, each in fields.items() if field not in keys} or fields
        rows, values = ours.keys(keys, ours.left)
        others, their_values = theirs.keys(keys, theirs.left)
        common = set(values) & set(their_values)
        for here, there in crowds(common, rows, values, others, their_values):
            yield from neighbours(besides, ours, here, theirs, there, NEIGHBOURS)
            if (
                len(here) * len(there) > 4 * NEIGHBOURS * NEIGHBOURS
            ):  # not all with all: from the other side too
                turned = neighbours(besides, theirs, there, ours, here, NEIGHBOURS)
                yield from ((row, other) for other, row in turned)


def _measure(
    fields: dict[str, Exact], keys: tuple[str, ...], ours: Side, row: int, theirs: Side, other: int
) -> tuple[Score, tuple[Difference, ...]]:
    differences, severity_ppm = [], 0
    for field, tolerance in fields.items():
        found = differ(field, tolerance, ours.columns[field][row], theirs.columns[field][other])
        if found:
            difference, severity = found
            if field in keys and difference.reason is Reason.OUT_OF_TOLERANCE:
                difference = difference._replace(reason=Reason.KEY_DIFFERS)
            differences.append(difference)
            severity_ppm += severity
    return (sum(not each.within for each in differences), severity_ppm), tuple(differences)


def _nearest(rules: Rules, scored: list[tuple[Score, int]], side: Side) -> Rows:
    best = nsmallest(rules.near_max, scored, key=lambda each: (each[0], side.ids[each[1]]))
    return [row for _, row in best]


def _taken(rules: Rules, side: Side, rows: Rows, other_side: Side, *, turned: bool) -> Near:
    """Return for rows without a candidate whom they would match at a level, had it not been matched with another."""
    found: dict[Any, tuple[NearMiss, ...]] = {}
    for level in rules.levels:
        alone, keys = side.keys(level.keys, [row for row in rows if side.ids[row] not in found])
        if not alone:
            continue
        telling, values = max(
            ((key, set(side.values(key, alone))) for key in level.keys), key=lambda each: len(each[1])
        )
        column = other_side.columns[telling]
        asked = [other for other in other_side.rows if column[other] in values]
        others, their_keys = other_side.keys(level.keys, asked)
        for mine, theirs in crowds(set(keys), alone, keys, others, their_keys):
            for row in mine:
                misses = []
                for other in theirs[: rules.near_max]:
                    here, there = (
                        ((other_side, other), (side, row)) if turned else ((side, row), (other_side, other))
                    )
                    verdict = judge_rows(level, *here, *there)
                    misses.append(
                        (verdict.score, NearMiss(other_side.ids[other], verdict.differences, taken=True))
                    )
                found[side.ids[row]] = tuple(miss for _, miss in sorted(misses, key=lambda each: each[0]))
    return found
