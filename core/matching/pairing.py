"""One to one: the join over a level's keys, and who takes whom where a key comes more than once."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import compress
from operator import eq, ne
from typing import Any

from core.matching.outcome import Difference
from core.matching.rules import Level
from core.matching.sides import Rows, Side, judge_rows
from core.matching.tolerances import Exact

# Of a key that comes very often, each record is compared with so many neighbours on either side, in so many rounds.
NEIGHBOURS = 32
ROUNDS_MAX = 8

Differences = tuple[Difference, ...]
Joined = tuple[
    Rows, Rows, list[tuple[Rows, Rows]]
]  # rows that stand alone with each other, and those that do not
Found = dict[int, tuple[int, Differences]]


def pair_up(level: Level, ours: Side, theirs: Side) -> tuple[Rows, Rows, dict[int, Differences]]:
    """Pair what is left of two sides at a level: rows of both, in our order, and differences by our row.

    Where a key stands once on each side, the two are a pair if they fit. This is the way of nearly all, hence one
    dict, and loops that run inside it. Where it stands more often, equal records go first, then the pair of the
    least differences.
    """
    left, right, crowded = _join_first(level, ours, theirs) or _join(level, ours, theirs)
    left, right, differences = _fitting(level, ours, left, theirs, right)
    if crowded:
        found = _pair_crowds(level, ours, theirs, crowded)
        position = {row: at for at, row in enumerate(ours.rows)}
        every = {**dict(zip(left, right, strict=True)), **{row: other for row, (other, _) in found.items()}}
        left = sorted(every, key=position.__getitem__)
        right = [every[row] for row in left]
        differences |= {row: told for row, (_, told) in found.items() if told}
    return left, right, differences


def _join_first(level: Level, ours: Side, theirs: Side) -> Joined | None:
    """Join by the first key where it comes once on their side, and compare the others; None where it comes more often.

    No key is put together of several this way, and rows are looked up as they stand: half the time of `_join`.
    """
    first, *others = level.keys
    by_key = theirs.row_by(first)
    if by_key is None:
        return None
    partners = list(map(by_key.get, ours.values(first, ours.left)))
    left = list(compress(ours.left, (each is not None for each in partners)))
    right = [each for each in partners if each is not None]
    for key in others:
        here, there = ours.values(key, left), theirs.values(key, right)
        same = list(map(eq, here, there))
        if None in here:
            same = [each and value is not None for each, value in zip(same, here, strict=True)]
        if not all(same):
            left, right = list(compress(left, same)), list(compress(right, same))
    if len(set(right)) == len(right):
        return left, right, []
    rows_of: dict[int, Rows] = {}
    for row, other in zip(left, right, strict=True):
        rows_of.setdefault(other, []).append(row)
    alone = [(rows[0], other) for other, rows in rows_of.items() if len(rows) == 1]
    crowded = [(rows, [other]) for other, rows in rows_of.items() if len(rows) > 1]
    return [row for row, _ in alone], [other for _, other in alone], crowded


def _join(level: Level, ours: Side, theirs: Side) -> Joined:
    """Join by all keys together."""
    rows, keys = ours.keys(level.keys, ours.left)
    others, their_keys = theirs.keys(level.keys, theirs.left)
    left, right, crowded = [], [], []
    for here, there in crowds(set(keys) & set(their_keys), rows, keys, others, their_keys):
        if len(here) == len(there) == 1:
            left += here
            right += there
        else:
            crowded.append((here, there))
    return left, right, crowded


def crowds(
    wanted: set[Any], rows: Rows, keys: list[Any], others: Rows, their_keys: list[Any]
) -> Iterator[tuple[Rows, Rows]]:
    """Yield the rows of both sides that have a wanted key in common, in the order of ours."""
    groups: dict[Any, tuple[Rows, Rows]] = {}
    for key, row in zip(keys, rows, strict=True):
        if key in wanted:
            groups.setdefault(key, ([], []))[0].append(row)
    for key, row in zip(their_keys, others, strict=True):
        if key in groups:
            groups[key][1].append(row)
    return (group for group in groups.values() if group[1])


def _fitting(
    level: Level, ours: Side, rows: Rows, theirs: Side, others: Rows
) -> tuple[Rows, Rows, dict[int, Differences]]:
    """Keep of pairs those that fit; only what is not plainly equal is looked at closely."""
    unequal: set[int] = set()
    for field in level.fields:
        differs = map(ne, ours.values(field, rows), theirs.values(field, others))
        unequal.update(compress(range(len(rows)), differs))
    out: set[int] = set()
    differences: dict[int, Differences] = {}
    for at in sorted(unequal):
        verdict = judge_rows(level, ours, rows[at], theirs, others[at])
        if not verdict.fits:
            out.add(at)
        elif verdict.differences:
            differences[rows[at]] = verdict.differences
    if not out:
        return rows, others, differences
    kept = [at for at in range(len(rows)) if at not in out]
    return [rows[at] for at in kept], [others[at] for at in kept], differences


def _pair_crowds(level: Level, ours: Side, theirs: Side, groups: list[tuple[Rows, Rows]]) -> Found:
    found: Found = {}
    for rows, others in groups:
        equal = _equal(level, ours, rows, theirs, others)
        found.update((row, (other, ())) for row, other in equal.items())
        taken = set(equal.values())
        rows = [row for row in rows if row not in equal]  # noqa: PLW2901 - what equal records left
        others = [other for other in others if other not in taken]  # noqa: PLW2901
        for _ in range(ROUNDS_MAX):
            best = _best(level, ours, rows, theirs, others)
            found.update(best)
            taken = {other for other, _ in best.values()}
            rows = [row for row in rows if row not in best]  # noqa: PLW2901
            others = [other for other in others if other not in taken]  # noqa: PLW2901
            if not (best and rows and others):
                break
    return found


def _equal(level: Level, ours: Side, rows: Rows, theirs: Side, others: Rows) -> dict[int, int]:
    """Pair records that are equal in all that is compared, in the order of their ids."""
    waiting: dict[tuple[Any, ...], list[int]] = {}
    for other in reversed(others):
        waiting.setdefault(_canonical(level, theirs, other), []).append(other)
    pairs = {}
    for row in rows:
        if same := waiting.get(_canonical(level, ours, row)):
            pairs[row] = same.pop()
    return pairs


def _canonical(level: Level, side: Side, row: int) -> tuple[Any, ...]:
    return tuple(tolerance.canonical(side.columns[field][row]) for field, tolerance in level.fields.items())


def _best(level: Level, ours: Side, rows: Rows, theirs: Side, others: Rows) -> Found:
    """Take pairs that fit, the one of the fewest and least differences first; ids decide between equals."""
    if not level.fields:
        return {}
    ranked = []
    for row, other in neighbours(level.fields, ours, rows, theirs, others, NEIGHBOURS):
        verdict = judge_rows(level, ours, row, theirs, other)
        if verdict.fits:
            ranked.append((verdict.score, ours.ids[row], theirs.ids[other], row, other, verdict.differences))
    ranked.sort(key=lambda each: each[:3])
    found: Found = {}
    taken: set[int] = set()
    for _, _, _, row, other, differences in ranked:
        if row not in found and other not in taken:
            found[row] = (other, differences)
            taken.add(other)
    return found


def neighbours(
    fields: dict[str, Exact], ours: Side, rows: Rows, theirs: Side, others: Rows, near: int
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of rows that are worth a look: all, or of many those next to each other in a field.

    The field is the first whose values have an order of distance, that is numbers or dates, else the first. Of
    those that would look at the same place each looks one further than the one before, or equals would crowd around
    a few. What is yielded depends on values and ids alone, never on where a record stands.
    """
    if len(rows) * len(others) <= 4 * near * near:
        yield from ((row, other) for row in rows for other in others)
        return
    field = next((each for each, tolerance in fields.items() if tolerance.ordered), next(iter(fields)))
    here, there = ours.columns[field], theirs.columns[field]
    ordered = sorted(others, key=lambda row: (_sortable(there[row]), theirs.ids[row]))
    marks = [_sortable(there[row]) for row in ordered]
    looked: Counter[int] = Counter()
    for row in rows:
        at = bisect_left(marks, _sortable(here[row]))
        middle = min(at + looked[at], len(ordered))
        looked[at] += 1
        yield from ((row, other) for other in ordered[max(0, middle - near) : middle + near])


def _sortable(value: Any) -> tuple[bool, Any]:
    """Return a key by which values of one type sort, those that are missing first."""
    return (value is not None, value if value is not None else 0)
