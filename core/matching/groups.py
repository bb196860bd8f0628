"""Parts: one record against several that add up to it, or all of a key against all of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, islice
from typing import NamedTuple

from core.matching.outcome import Difference, Group
from core.matching.pairing import crowds
from core.matching.rules import Cardinality, Level
from core.matching.sides import Rows, Side, Verdict, judge

# A sum of parts is first tried of all that are there, then of up to so many of the first ones, the fewest first.
PARTS_MAX = 6
PARTS_AMONG = 24
TRIALS_MAX = 20_000


class Parts(NamedTuple):
    """A group by its rows, before it has ids."""

    rows: Rows
    others: Rows
    differences: tuple[Difference, ...]


def group_up(level: Level, ours: Side, theirs: Side) -> list[Parts]:
    """Group what is left of two sides at a level of parts, in our order."""
    rows, keys = ours.keys(level.keys, ours.left)
    others, their_keys = theirs.keys(level.keys, theirs.left)
    found: list[Parts] = []
    for group in crowds(set(keys) & set(their_keys), rows, keys, others, their_keys):
        found += _groups(level, ours, group[0], theirs, group[1])
    return found


def named(level: Level, ours: Side, theirs: Side, parts: Parts) -> Group:
    """Return a group by its ids."""
    return Group(
        tuple(ours.ids[row] for row in parts.rows),
        tuple(theirs.ids[row] for row in parts.others),
        level.name,
        parts.differences,
    )


def _groups(level: Level, ours: Side, rows: Rows, theirs: Side, others: Rows) -> Iterator[Parts]:
    if level.cardinality is Cardinality.MANY_TO_MANY:
        verdict = _sums(level, ours, rows, theirs, others)
        if verdict.fits:
            yield Parts(rows, others, verdict.differences)
    elif level.cardinality is Cardinality.ONE_TO_MANY:
        for one, chosen, told in _divide(level, ours, rows, others, _Facing(level, ours, theirs, False)):
            yield Parts([one], chosen, told)
    else:
        for one, chosen, told in _divide(level, theirs, others, rows, _Facing(level, ours, theirs, True)):
            yield Parts(chosen, [one], told)


class _Facing(NamedTuple):
    """Who faces whom: one of ours against parts of theirs or, turned, one of theirs against parts of ours."""

    level: Level
    ours: Side
    theirs: Side
    turned: bool

    def sums(self, one: int, parts: Rows) -> Verdict:
        """Compare one with the sums of the parts."""
        if self.turned:
            return _sums(self.level, self.ours, parts, self.theirs, [one])
        return _sums(self.level, self.ours, [one], self.theirs, parts)

    def besides(self, one: int, part: int) -> Verdict:
        """Compare one with a part in all that is not summed."""
        row, other = (part, one) if self.turned else (one, part)
        return judge(
            self.level,
            (
                (field, tolerance, self.ours.columns[field][row], self.theirs.columns[field][other])
                for field, tolerance in self.level.fields.items()
                if field not in self.level.sums
            ),
        )


def _divide(
    level: Level, side: Side, ones: Rows, parts: Rows, facing: _Facing
) -> Iterator[tuple[int, Rows, tuple[Difference, ...]]]:
    """Give parts to the ones, the largest first; each part once."""
    sizes = {one: abs(side.total(level.sums[0], [one])) for one in ones}
    for one in sorted(ones, key=lambda row: (-sizes[row], side.ids[row])):
        verdicts = {part: facing.besides(one, part) for part in parts}
        may = [part for part, verdict in verdicts.items() if verdict.fits]
        for chosen in _trials(may):
            verdict = facing.sums(one, chosen)
            if verdict.fits:
                told = (each for part in chosen for each in verdicts[part].differences)
                yield one, chosen, (*verdict.differences, *told)
                parts = [part for part in parts if part not in chosen]
                break


def _trials(parts: Rows) -> Iterator[Rows]:
    """Yield what may add up: all, then the fewest first, by their ids."""
    if parts:
        yield parts
    first = parts[:PARTS_AMONG]
    sizes = range(1, min(PARTS_MAX, len(parts) - 1) + 1)
    subsets = chain.from_iterable(combinations(first, size) for size in sizes)
    yield from map(list, islice(subsets, TRIALS_MAX))


def _sums(level: Level, ours: Side, rows: Rows, theirs: Side, others: Rows) -> Verdict:
    return judge(
        level,
        (
            (field, level.fields[field], ours.total(field, rows), theirs.total(field, others))
            for field in level.sums
        ),
    )
